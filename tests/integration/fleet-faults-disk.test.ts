import { readdirSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CLEAN, audit } from '../support/chaos-audit.js'
import { load, trackerIds } from '../support/chaos-cargo.js'
import type { Cargo } from '../support/chaos-cargo.js'
import { startFaultyProxy } from '../support/faulty-proxy.js'
import type { FaultyProxy } from '../support/faulty-proxy.js'
import { TestFleet } from '../support/fleet.js'
import type { FleetProcess } from '../support/fleet.js'
import { onSmallDisk } from '../support/small-disk.js'

/** Too small for any job: what a job needs at least is more. */
const TOO_SMALL = '8m'
/** Enough for one small file. */
const ENOUGH = '100m'

let fleet: TestFleet
let proxy: FaultyProxy
beforeEach(async () => {
  fleet = await TestFleet.create()
  proxy = await startFaultyProxy(fleet.source.endpoint)
  Object.assign(fleet.environment, { S3_ENDPOINT: proxy.endpoint, RETRY_ATTEMPTS: '2' })
  await fleet.declareQueues()
})
afterEach(async () => {
  await fleet.dispose()
  await proxy.dispose()
})

async function send(size: 'small' | 'big', route: 's3-s3' | 's3-efs' = 's3-s3'): Promise<Cargo[]> {
  const cargo = await load(fleet, route, trackerIds(2))
  for (const { body } of cargo) await fleet.send(size, body)
  return cargo
}

/** A worker whose disk at `folder` nobody else sees. */
function onDisk(worker: 'small' | 'big', folder: 'work' | 'dst', size: string): FleetProcess {
  return fleet.consume(worker, { idleSeconds: 4, wrapper: onSmallDisk(fleet.path(folder), size) })
}

/** A path as the worker sees it. */
const seenBy = ({ child }: FleetProcess, path: string): string => `/proc/${child.pid ?? 0}/root${path}`

const trackersOf = (cargo: readonly Cargo[]): string[] => cargo.map(({ tracker }) => tracker)

/** What became of the tries of each file, in their order, with the reason; the same for all of them. */
function triesOf(worker: FleetProcess, cargo: readonly Cargo[]): readonly string[] {
  const tries = cargo.map(({ tracker }) =>
    worker
      .log()
      .filter((line) => line.tracker === tracker && line.outcome !== undefined)
      .map(({ outcome, error }) => `${outcome ?? ''} ${error?.code ?? ''}`.trim()),
  )
  for (const one of tries) expect(one).toEqual(tries[0])
  return tries[0] ?? []
}

describe('a work disk that is too small', () => {
  it('hands the message over to the workers for big files, which do it', async () => {
    const cargo = await send('small')
    const small = onDisk('small', 'work', TOO_SMALL)
    expect((await small.ended).code).toBe(0)
    expect(triesOf(small, cargo)).toEqual(['retried no-space'])
    expect(await fleet.waiting()).toEqual({ [`${fleet.queue}_big`]: 2 })
    expect((await fleet.consume('big').ended).code).toBe(0)
    expect(await audit(fleet, cargo)).toEqual(CLEAN)
  })

  it('of a worker for big files makes the message fail when the tries are used up', async () => {
    const cargo = await send('big')
    const big = onDisk('big', 'work', TOO_SMALL)
    expect((await big.ended).code).toBe(0)
    expect(triesOf(big, cargo)).toEqual(['retried no-space', 'failed no-space'])
    const failed = await fleet.takeFailed('big')
    expect(failed.map(({ reason, attempts }) => [reason, attempts])).toEqual([
      ['no-space', 2],
      ['no-space', 2],
    ])
    for (const { error } of failed) expect(error).toMatch(/not enough space in .* MB needed, \d+ MB free/)
    expect(await audit(fleet, cargo, trackersOf(cargo))).toEqual(CLEAN)
  })
})

describe('a work disk that fills up', () => {
  const ballastOf = (worker: FleetProcess): string => seenBy(worker, fleet.path('work', 'ballast'))

  /** Somebody else takes all that is left, at once. */
  function fill(worker: FleetProcess): void {
    try {
      writeFileSync(ballastOf(worker), Buffer.alloc(200_000_000))
      throw new Error('the disk did not fill up')
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    }
  }

  it('in the download costs a try, and leaves nothing', async () => {
    const cargo = await send('big')
    const worker = onDisk('big', 'work', ENOUGH)
    let filled = false
    proxy.faults = ({ method, headers, url }) => {
      const download = method === 'GET' && headers.range !== undefined && headers.range !== 'bytes=0-12287'
      if (download && !filled && url.includes('tracker-000')) {
        filled = true
        fill(worker)
      }
      return undefined
    }
    const full = await worker.logged(({ outcome }) => outcome === 'retried')
    expect(full.error?.code).toBe('no-space')
    const work = seenBy(worker, fleet.path('work'))
    expect(readdirSync(work, { recursive: true }).filter((name) => String(name).includes('job-'))).toEqual([])
    await rm(ballastOf(worker))
    expect((await worker.ended).code).toBe(0)
    expect(await fleet.takeFailed('big')).toEqual([])
    expect(await audit(fleet, cargo)).toEqual(CLEAN)
  })

  it('while engines work costs a try, and leaves nothing', async () => {
    const cargo = await send('big')
    const worker = onDisk('big', 'work', ENOUGH)
    await worker.logged(({ msg }) => msg === 'download')
    fill(worker)
    const full = await worker.logged(({ outcome }) => outcome === 'retried')
    expect(full.error?.code).toBe('no-space')
    await rm(ballastOf(worker))
    expect((await worker.ended).code).toBe(0)
    expect(await fleet.takeFailed('big')).toEqual([])
    expect(await audit(fleet, cargo)).toEqual(CLEAN)
  })
})

it('a destination that is mounted read-only makes the message fail, and says so', async () => {
  const cargo = await send('small', 's3-efs')
  expect((await onDisk('small', 'dst', '8m,ro').ended).code).toBe(0)
  const failed = await fleet.takeFailed('small')
  expect(failed.map(({ reason, attempts }) => [reason, attempts])).toEqual([
    ['usage', 1],
    ['usage', 1],
  ])
  for (const { error } of failed) expect(error).toMatch(/cannot write .* mounted read-only/)
  expect(await audit(fleet, cargo, trackersOf(cargo))).toEqual(CLEAN)
})

describe('a destination that is full', () => {
  it.each(['small', 'big'] as const)(
    'makes a %s message fail after its last try, and gets no half file',
    async (size) => {
      const cargo = await send(size, 's3-efs')
      // What is on its disk goes with the worker, so it is looked at before.
      const look = `"$@"; code=$?; test -z "$(find '${fleet.path('dst')}' -type f)" || exit 99; exit $code`
      const wrapper = onSmallDisk(fleet.path('dst'), '256k', look)
      const worker = fleet.consume(size, { idleSeconds: 4, wrapper })
      expect((await worker.ended).code).toBe(0)
      expect(triesOf(worker, cargo)).toEqual(['retried transient', 'failed transient'])
      const failed = await fleet.takeFailed(size)
      expect(failed.map(({ reason }) => reason)).toEqual(['transient', 'transient'])
      for (const { error } of failed) expect(error).toMatch(/no space left; free some, or use a bigger disk/)
      expect(await audit(fleet, cargo, trackersOf(cargo))).toEqual(CLEAN)
    },
  )
})
