import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { CLEAN, audit } from '../support/chaos-audit.js'
import { load, trackerIds } from '../support/chaos-cargo.js'
import { startFaultyProxy } from '../support/faulty-proxy.js'
import type { FaultyProxy, SeenRequest } from '../support/faulty-proxy.js'
import { TestFleet, reportsOf } from '../support/fleet.js'
import type { FleetProcess, LogLine } from '../support/fleet.js'

let fleet: TestFleet
let proxy: FaultyProxy
beforeEach(async () => {
  fleet = await TestFleet.create()
  proxy = await startFaultyProxy(fleet.source.endpoint)
  fleet.environment['S3_ENDPOINT'] = proxy.endpoint
})
afterEach(async () => {
  await fleet.dispose()
  await proxy.dispose()
})

/** Resolves at the moment at which a worker shall be killed. */
type Moment = (worker: FleetProcess) => Promise<unknown>

const isLine = (name: string) => (line: LogLine) => line.msg === name
/** Right after the worker has said so, and so many milliseconds later. */
const after =
  (name: string, ms = 0): Moment =>
  async (worker) => {
    await worker.logged(isLine(name))
    await sleep(ms)
  }

const inSource = ({ url }: SeenRequest): boolean => url.startsWith(`/${fleet.source.name}/tracker-`)
const inDestination = ({ url }: SeenRequest): boolean => url.startsWith(`/${fleet.destination.name}/56`)
const isOf = (method: string) => (request: SeenRequest) => request.method === method

/** While the server has the request number `nth` of these, and has not answered it. */
const during =
  (...matches: readonly ((request: SeenRequest) => boolean)[]): Moment =>
  () =>
    new Promise((resolve) => {
      proxy.faults = (request) => {
        if (!matches.every((match) => match(request))) return undefined
        resolve(undefined)
        return { kind: 'stall' }
      }
    })

/** While half of the file has arrived. */
const inTheFile: Moment = () =>
  new Promise((resolve) => {
    proxy.faults = (request) => {
      if (!inSource(request) || !isOf('GET')(request)) return undefined
      setTimeout(resolve, 50)
      return { kind: 'stall-in-body' }
    }
  })

/** After the server has the new file, before the worker knows it. */
const written: Moment = () =>
  new Promise((resolve) => {
    let put = false
    proxy.faults = (request) => {
      if (!inDestination(request)) return undefined
      if (put) resolve(undefined)
      put ||= request.method === 'PUT'
      return put && request.method !== 'PUT' ? { kind: 'stall' } : undefined
    }
  })

/** When the engine has made the new file, and it has no name yet. */
const importing: Moment = async (worker) => {
  await worker.logged(isLine('download'))
  const made = (): boolean =>
    readdirSync(fleet.path('work'), { recursive: true }).some((name) => /\/target\/./.test(String(name)))
  while (!made()) await sleep(5)
}

/** Early and late ones by turns, so that one message is not hit by all of them. */
const MOMENTS: readonly (readonly [string, Moment])[] = [
  ['at the start of a job', after('job started')],
  ['when all is done but the ack', after('migrated')],
  ['asking for the file', during(inSource, isOf('HEAD'))],
  ['while the folder goes', after('publish')],
  ['looking for a WAL', during(({ url }) => url.includes('list-type=2'))],
  ['before the report', after('clean-up')],
  ['asking for its bytes', during(inSource, isOf('GET'))],
  ['the new file is there, unknown to the worker', written],
  ['asking for the destination', during(inDestination, isOf('HEAD'))],
  ['while it is being sent', during(inDestination, isOf('PUT'))],
  ['examined', after('examine')],
  ['before it is sent', after('upgrade')],
  ['at the download', after('examine', 10)],
  ['when the new file is being filled', importing],
  ['in the download', inTheFile],
  ['all is done but the ack, again', after('migrated')],
  ['downloaded', after('download')],
  ['engines are starting', after('download', 150)],
  ['engines are at work, early', after('download', 350)],
  ['engines are at work, late', after('download', 600)],
]

it(`a worker that is killed at ${MOMENTS.length} moments of its jobs loses nothing and leaves nothing`, async () => {
  const cargo = await load(fleet, 's3-s3', trackerIds(24))
  await fleet.declareQueues()
  for (const { body } of cargo) await fleet.send('small', body)

  const missed: string[] = []
  for (const [name, moment] of MOMENTS) {
    proxy.faults = () => undefined
    const worker = fleet.consume('small', { idleSeconds: undefined })
    await moment(worker)
    if (worker.child.exitCode !== null) missed.push(name)
    worker.child.kill('SIGKILL')
    await worker.ended
  }
  expect(missed).toEqual([])

  proxy.faults = () => undefined
  expect((await fleet.consume('small', { idleSeconds: 4 }).ended).code).toBe(0)
  expect(await fleet.takeFailed('small')).toEqual([])
  expect(await audit(fleet, cargo)).toEqual(CLEAN)
  // Jobs that were over twice were so with the same outcome.
  const outcomes = new Set([...reportsOf(fleet.started).values()].map(({ outcome }) => outcome))
  expect([...outcomes]).toEqual(['migrated'])
}, 300_000)
