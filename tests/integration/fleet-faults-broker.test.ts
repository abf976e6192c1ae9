import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startBroker } from '../support/broker.js'
import type { Broker } from '../support/broker.js'
import { CLEAN, audit } from '../support/chaos-audit.js'
import { load, trackerIds } from '../support/chaos-cargo.js'
import type { Cargo } from '../support/chaos-cargo.js'
import { startFaultyProxy } from '../support/faulty-proxy.js'
import type { FaultyProxy, SeenRequest } from '../support/faulty-proxy.js'
import { TestFleet } from '../support/fleet.js'
import type { FleetProcess } from '../support/fleet.js'
import { until } from '../support/processes.js'
import { deleteQueues } from '../support/rabbit.js'

let broker: Broker
let fleet: TestFleet
let proxy: FaultyProxy
let cargo: Cargo[]
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(async () => {
  await broker.dispose()
})
beforeEach(async () => {
  await broker.start()
  fleet = await TestFleet.create(broker.url)
  proxy = await startFaultyProxy(fleet.source.endpoint)
  Object.assign(fleet.environment, { S3_ENDPOINT: proxy.endpoint, RABBIT_HEARTBEAT_SECONDS: '1' })
  cargo = await load(fleet, 's3-s3', trackerIds(3))
  await fleet.declareQueues()
  for (const { body } of cargo) await fleet.send('small', body)
})
afterEach(async () => {
  await fleet.dispose()
  await proxy.dispose()
})

/** Resolves when a job is at a step, and keeps it there until `release`. */
function hold(matches: (request: SeenRequest) => boolean): {
  readonly held: Promise<void>
  release: () => void
} {
  let release = (): void => undefined
  const released = new Promise<undefined>((resolve) => {
    release = () => {
      proxy.faults = () => undefined
      resolve(undefined)
    }
  })
  const held = new Promise<void>((resolve) => {
    proxy.faults = (request) => {
      if (!matches(request)) return undefined
      resolve()
      return released
    }
  })
  return { held, release }
}

const downloading = ({ method, url }: SeenRequest): boolean =>
  method === 'GET' && url.startsWith(`/${fleet.source.name}/tracker-`)
const uploading = ({ method }: SeenRequest): boolean => method === 'PUT'

/** What happens to the broker while a job is under way. */
const LOSSES: readonly (readonly [string, () => Promise<void>])[] = [
  [
    'killed and started again',
    async () => {
      await broker.kill()
      await broker.start()
    },
  ],
  [
    'silent for three heartbeats, its connections open',
    async () => {
      await broker.freeze()
      await sleep(3_500)
      await broker.thaw()
    },
  ],
]

const MOMENTS: readonly (readonly [string, (request: SeenRequest) => boolean])[] = [
  ['downloads', downloading],
  ['uploads', uploading],
]

/** The worker comes to its end with all of them, however long it looks for its broker. */
async function expectAllDone(worker: FleetProcess): Promise<void> {
  await until(async () => {
    const done = (await fleet.destination.names()).length === cargo.length
    return done && Object.keys(await fleet.waiting()).length === 0
  }, 60_000)
  worker.child.kill('SIGTERM')
  expect((await worker.ended).code).toBe(143)
  expect(await fleet.takeFailed('small')).toEqual([])
  expect(await audit(fleet, cargo)).toEqual(CLEAN)
}

describe.each(LOSSES)('a broker that is %s', (_what, lose) => {
  it.each(MOMENTS)('while a job %s costs no message; the same worker goes on', async (_when, matches) => {
    const { held, release } = hold(matches)
    const worker = fleet.consume('small', { idleSeconds: undefined })
    await held
    await lose()
    release()
    await expectAllDone(worker)
    expect(worker.log().filter(({ msg }) => msg.includes('was lost'))).not.toEqual([])
    // Being without a broker is no fault of the file: no try was counted.
    expect(worker.log().filter(({ attempt = 1 }) => attempt > 1)).toEqual([])
  })
})

it('a broker that is away when a job ends gets its outcome when it is back, or the message runs again', async () => {
  const worker = fleet.consume('small', { idleSeconds: undefined })
  await worker.logged(({ msg }) => msg === 'upgrade')
  await broker.kill()
  await sleep(1_000)
  await broker.start()
  await expectAllDone(worker)
})

it('a worker that ends when nothing comes does not while its broker is away, and works on what is left', async () => {
  const { held, release } = hold(downloading)
  const worker = fleet.consume('small', { idleSeconds: 2 })
  await held
  await broker.kill()
  release()
  await worker.logged(({ msg }) => msg.includes('was lost'))
  await sleep(3_000)
  await broker.start()
  expect((await worker.ended).code).toBe(0)
  expect(await fleet.takeFailed('small')).toEqual([])
  expect(await audit(fleet, cargo)).toEqual(CLEAN)
})

it('a queue that is deleted while a job runs is made again, and worked on', async () => {
  const { held, release } = hold(downloading)
  const worker = fleet.consume('small', { idleSeconds: undefined })
  await held
  await deleteQueues(broker.url, [fleet.queue])
  release()
  await worker.logged(({ msg }) => msg.includes('starts again'))
  await fleet.declareQueues()
  for (const { body } of cargo) await fleet.send('small', body)
  await expectAllDone(worker)
})
