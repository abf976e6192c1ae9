import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Load, loadOf } from '../../src/ops/plan-limits.js'
import { createS3Client } from '../../src/store/s3/client.js'
import { createS3Store } from '../../src/store/s3/store.js'
import { CLEAN, audit } from '../support/chaos-audit.js'
import { load } from '../support/chaos-cargo.js'
import type { Cargo } from '../support/chaos-cargo.js'
import { startFaultyProxy } from '../support/faulty-proxy.js'
import type { Fault, FaultyProxy, SeenRequest } from '../support/faulty-proxy.js'
import { TestFleet, reportsOf } from '../support/fleet.js'

let fleet: TestFleet
let proxy: FaultyProxy
beforeEach(async () => {
  fleet = await TestFleet.create()
  proxy = await startFaultyProxy(fleet.source.endpoint)
  Object.assign(fleet.environment, { S3_ENDPOINT: proxy.endpoint, S3_IDLE_SECONDS: '1' })
  await fleet.declareQueues()
})
afterEach(async () => {
  await fleet.dispose()
  await proxy.dispose()
})

/** As often as the client tries by itself, unless access is refused: then the job fails, and its message comes again. */
const TIMES = 4

interface Case {
  readonly fault: Fault
  readonly on: 'download' | 'upload'
}

const DOWNLOAD: readonly Fault[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503, code: 'SlowDown' },
  { kind: 'status', status: 403, code: 'AccessDenied' },
  { kind: 'reset' },
  { kind: 'reset-in-body' },
  { kind: 'truncate' },
  { kind: 'wrong-etag' },
  { kind: 'stall' },
  { kind: 'stall-in-body' },
]
const UPLOAD: readonly Fault[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503, code: 'SlowDown' },
  { kind: 'status', status: 403, code: 'AccessDenied' },
  { kind: 'reset' },
  { kind: 'lost-answer' },
  { kind: 'flip' },
  { kind: 'stall' },
]
const CASES: readonly Case[] = [
  ...DOWNLOAD.map((fault) => ({ fault, on: 'download' as const })),
  ...UPLOAD.map((fault) => ({ fault, on: 'upload' as const })),
]

const nameOf = ({ fault, on }: Case): string =>
  `${on}-${fault.kind}${fault.kind === 'status' ? String(fault.status) : ''}`

const isDownload = ({ method, headers }: SeenRequest): boolean =>
  method === 'GET' && headers.range !== undefined && headers.range !== 'bytes=0-12287'
const isUpload = ({ method }: SeenRequest): boolean => method === 'PUT'

/** Every case goes wrong for the tracker that has its name, so many times; counts how often it did. */
function failEach(cases: readonly Case[], times: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  proxy.faults = (request) => {
    const found = cases.find(
      (one) =>
        request.url.includes(`/${nameOf(one)}/`) && (one.on === 'download' ? isDownload : isUpload)(request),
    )
    if (found === undefined) return undefined
    const count = counts.get(nameOf(found)) ?? 0
    if (count === times) return undefined
    counts.set(nameOf(found), count + 1)
    return found.fault
  }
  return counts
}

async function send(cases: readonly Case[]): Promise<Cargo[]> {
  const cargo = await load(fleet, 's3-s3', cases.map(nameOf))
  for (const { body } of cargo) await fleet.send('small', body)
  return cargo
}

describe('an S3 server that fails', () => {
  it(`for a while, in ${CASES.length} ways, costs tries and no file`, async () => {
    const counts = failEach(CASES, TIMES)
    const cargo = await send(CASES)
    const workers = [1, 2].map(() => fleet.consume('small', { idleSeconds: 5 }))
    for (const { ended } of workers) expect((await ended).code).toBe(0)
    expect(await fleet.takeFailed('small')).toEqual([])
    expect(await audit(fleet, cargo)).toEqual(CLEAN)
    // Each of them has happened.
    expect([...counts.keys()].sort()).toEqual(CASES.map(nameOf).sort())
    const retried = workers.flatMap((worker) => worker.log()).filter(({ outcome }) => outcome === 'retried')
    expect(retried.length).toBeGreaterThan(0)
    expect(new Set(retried.map(({ error }) => error?.code))).toEqual(new Set(['transient']))
  })

  it('for good makes the messages fail when the tries are used up, and leaves no file', async () => {
    fleet.environment['RETRY_ATTEMPTS'] = '2'
    const cases = CASES.filter((one) => /500|truncate/.test(nameOf(one)))
    failEach(cases, Infinity)
    const cargo = await send(cases)
    const workers = [1, 2].map(() => fleet.consume('small', { idleSeconds: 4 }))
    for (const { ended } of workers) expect((await ended).code).toBe(0)
    const failed = await fleet.takeFailed('small')
    expect(failed.map(({ body }) => body).sort()).toEqual(cargo.map(({ body }) => body).sort())
    for (const { attempts, reason, error } of failed) {
      expect([attempts, reason]).toEqual([2, 'transient'])
      expect(error).toMatch(/cannot (read|write) s3:\/\//)
    }
    expect(await fleet.destination.names()).toEqual([])
    const trackers = cargo.map(({ tracker }) => tracker)
    expect(await audit(fleet, cargo, trackers)).toEqual(CLEAN)
  })
})

it('refused credentials make the messages fail when the tries are used up, with a reason that holds no secret', async () => {
  fleet.environment['RETRY_ATTEMPTS'] = '2'
  const secret = randomBytes(20).toString('hex')
  const cargo = await send(CASES.slice(0, 2))
  const worker = fleet.consume('small', { idleSeconds: 4, more: { AWS_SECRET_ACCESS_KEY: secret } })
  expect((await worker.ended).code).toBe(0)
  const failed = await fleet.takeFailed('small')
  expect(failed.map(({ body }) => body).sort()).toEqual(cargo.map(({ body }) => body).sort())
  for (const { attempts, reason, error } of failed) {
    expect([attempts, reason]).toEqual([2, 'transient'])
    expect(error).toMatch(/check the (role|credentials)/)
    expect(error).not.toContain(secret)
  }
  expect(worker.said()).not.toContain(secret)
  expect(reportsOf([worker]).size).toBe(2)
  const trackers = cargo.map(({ tracker }) => tracker)
  expect(await audit(fleet, cargo, trackers)).toEqual(CLEAN)
})

describe('a server that does not fail is asked as often as the plan counts', () => {
  const route = 's3-s3'
  const counted = ({ s3Gets, s3Lists, s3Puts }: Load): Omit<Load, 'messages' | 'efsRead' | 'efsWritten'> => ({
    s3Gets,
    s3Lists,
    s3Puts,
  })
  const asked = (from: number): ReturnType<typeof counted> => {
    const seen = proxy.seen.slice(from)
    const lists = seen.filter(
      ({ method, url }) => url.includes('list-type=2') || (method === 'GET' && /[?&]uploads/.test(url)),
    ).length
    const puts = seen.filter(({ method }) => method === 'PUT' || method === 'POST').length
    return { s3Gets: seen.length - lists - puts, s3Lists: lists, s3Puts: puts }
  }

  it('for a small file', async () => {
    const [file] = await load(fleet, route, ['counted'])
    await fleet.send('small', file?.body ?? '')
    const before = proxy.seen.length
    expect((await fleet.consume('small').ended).code).toBe(0)
    expect(asked(before)).toEqual(counted(loadOf({ files: 1, bytes: 0, spread: 0, route })))
  })

  it('for an upload in parts, more than for a small one', async () => {
    const bytes = 40 * 2 ** 20
    await writeFile(fleet.path('big'), randomBytes(bytes))
    await writeFile(fleet.path('small'), 'x')
    const client = createS3Client({ endpoint: proxy.endpoint })
    const store = createS3Store({ client, bucket: fleet.destination.name, endpoint: proxy.endpoint })
    const signal = new AbortController().signal
    const requests: ReturnType<typeof counted>[] = []
    for (const name of ['small', 'big']) {
      const before = proxy.seen.length
      await store.publish(fleet.path(name), name, { metadata: {} }, signal)
      requests.push(asked(before))
    }
    client.destroy()
    const plans = [0, bytes].map((size) =>
      counted(loadOf({ files: 1, bytes: size, spread: 0, route: 'efs-s3' })),
    )
    const difference = ([small, big]: readonly ReturnType<typeof counted>[]): number[] =>
      small && big ? [big.s3Gets - small.s3Gets, big.s3Lists - small.s3Lists, big.s3Puts - small.s3Puts] : []
    const [gets, lists, puts] = difference(requests)
    // Planned is one that is not full, for every file.
    expect([gets, lists, (puts ?? 0) + 1]).toEqual(difference(plans))
  })
})
