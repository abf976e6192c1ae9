import { writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Broker } from './broker.js'
import type { Fault, FaultyProxy } from './faulty-proxy.js'
import type { FleetProcess, TestFleet } from './fleet.js'
import { enginesOf } from './processes.js'
import { Random } from './random.js'
import { onSmallDisk } from './small-disk.js'

/** What chaos is made in. */
export interface Chaos {
  readonly fleet: TestFleet
  readonly broker: Broker
  readonly proxy: FaultyProxy
  readonly chance: Random
}

/** A worker that is started again whenever it ends, as ECS does, until `stop`. */
export interface Keeper {
  /** The one that runs, or has just ended. */
  readonly worker: () => FleetProcess
  readonly stop: () => Promise<void>
}

/** Bytes of a work disk that has room for one job. */
const DISK = '150m'

/** `disk`: it has a small disk of its own for its work. */
export function keepWorker(fleet: TestFleet, disk: boolean): Keeper {
  const wrapper = disk ? onSmallDisk(fleet.path('work'), DISK) : []
  const more = { GRACE_SECONDS: '1' }
  const start = (): FleetProcess => fleet.consume('small', { idleSeconds: undefined, wrapper, more })
  const stopped = new AbortController()
  let current = start()
  const kept = (async () => {
    for (;;) {
      await current.ended
      if (stopped.signal.aborted) return
      await sleep(100)
      current = start()
    }
  })()
  return {
    worker: () => current,
    async stop() {
      stopped.abort()
      // It may just be starting, and deaf; and a frozen one hears nothing.
      while (current.child.exitCode === null && current.child.signalCode === null) {
        signalTo(current, 'SIGCONT')
        signalTo(current, 'SIGTERM')
        await sleep(2_000)
      }
      await kept
    },
  }
}

const S3_FAULTS: readonly Fault[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503, code: 'SlowDown' },
  { kind: 'reset' },
  { kind: 'lost-answer' },
  { kind: 'reset-in-body' },
  { kind: 'truncate' },
  { kind: 'wrong-etag' },
  { kind: 'flip' },
  { kind: 'stall' },
  { kind: 'stall-in-body' },
]

type Mischief = readonly [
  name: string,
  weight: number,
  run: (chaos: Chaos, worker: FleetProcess) => Promise<void>,
]

const MISCHIEF: readonly Mischief[] = [
  ['a worker is killed', 6, killWorker],
  ['a worker is asked to stop', 3, stopWorker],
  ['a worker is frozen longer than its heartbeats', 2, freezeWorker],
  ['engines are killed', 4, killEngines],
  ['an engine hangs', 1, hangEngine],
  ['S3 fails', 6, failS3],
  ['a work disk is full', 3, fillDisk],
  ['the broker is killed and started again', 1, killBroker],
  ['the broker is frozen for three heartbeats', 1, freezeBroker],
]

/** Does one thing out of the list to one of the workers, and tells which. What it broke is whole again afterwards. */
export async function oneMischief(chaos: Chaos, keepers: readonly Keeper[]): Promise<string> {
  const [name, , run] = chaos.chance.pick(
    MISCHIEF.flatMap((one) => Array.from({ length: one[1] }, () => one)),
  )
  await run(chaos, chaos.chance.pick(keepers).worker())
  return name
}

function killWorker(_: Chaos, worker: FleetProcess): Promise<void> {
  signalTo(worker, 'SIGKILL')
  return Promise.resolve()
}

function stopWorker(_: Chaos, worker: FleetProcess): Promise<void> {
  signalTo(worker, 'SIGTERM')
  return Promise.resolve()
}

async function freezeWorker({ chance }: Chaos, worker: FleetProcess): Promise<void> {
  signalTo(worker, 'SIGSTOP')
  await sleep(chance.int(2_500, 4_500))
  signalTo(worker, 'SIGCONT')
}

function killEngines(_: Chaos, worker: FleetProcess): Promise<void> {
  for (const pid of enginesOf(worker.child.pid ?? 0)) signalToGroup(pid, 'SIGKILL')
  return Promise.resolve()
}

/** The worker ends it when its time is up, unless it is idle: then it wakes. */
async function hangEngine({ chance }: Chaos, worker: FleetProcess): Promise<void> {
  const ms = chance.int(1_000, 12_000)
  const [pid] = enginesOf(worker.child.pid ?? 0)
  if (pid === undefined) return
  signalToGroup(pid, 'SIGSTOP')
  await sleep(ms)
  signalToGroup(pid, 'SIGCONT')
}

async function failS3({ proxy, chance }: Chaos): Promise<void> {
  // Requests come as they come: what they draw may not change what is drawn after them.
  const weather = new Random(chance.int(0, 2 ** 31))
  const rate = chance.next() * 0.6
  proxy.faults = () => (weather.chance(rate) ? weather.pick(S3_FAULTS) : undefined)
  await sleep(chance.int(1_000, 5_000))
  proxy.faults = () => undefined
}

async function fillDisk({ fleet, chance }: Chaos, worker: FleetProcess): Promise<void> {
  const [bytes, ms] = [chance.int(60_000_000, 200_000_000), chance.int(500, 3_000)]
  // Only a disk of the worker's own: this machine's is somebody else's too.
  if (!worker.child.spawnargs.some((arg) => arg.includes('tmpfs'))) return
  const ballast = `/proc/${worker.child.pid ?? 0}/root${fleet.path('work', 'ballast')}`
  try {
    writeFileSync(ballast, Buffer.alloc(bytes))
  } catch {
    // It is full, or its worker has just ended.
  }
  await sleep(ms)
  await rm(ballast, { force: true }).catch(() => undefined)
}

async function killBroker({ broker, chance }: Chaos): Promise<void> {
  await broker.kill()
  await sleep(chance.int(0, 1_000))
  await broker.start()
}

async function freezeBroker({ broker }: Chaos): Promise<void> {
  await broker.freeze()
  await sleep(3_500)
  await broker.thaw()
}

function signalTo({ child }: FleetProcess, name: NodeJS.Signals): void {
  child.kill(name)
}

function signalToGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name)
  } catch {
    // It has just ended.
  }
}
