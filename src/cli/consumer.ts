import { randomUUID } from 'node:crypto'
import os from 'node:os'
import { createCleanup } from '../cleanup.js'
import type { Cleanup } from '../cleanup.js'
import type { Config } from '../config.js'
import { locateEngines } from '../engine/locate.js'
import type { InstalledEngine } from '../engine/locate.js'
import { chooseReader } from '../engine/registry.js'
import { asDuckfleetError } from '../errors.js'
import type { FleetConfig } from '../fleet-config.js'
import type { JobDeps, JobPolicy } from '../fleet/job-deps.js'
import { parseMessage, trackerOf } from '../fleet/message.js'
import { FLEET_RETRY } from '../fleet/retry.js'
import { createRunFolder, createSlotFolder, removeFolder } from '../fleet/work-folder.js'
import { runWorker } from '../fleet/worker.js'
import type { Log } from '../log.js'
import { createMetrics } from '../ops/metrics.js'
import type { Metrics } from '../ops/metrics.js'
import { startStatusServer } from '../ops/status-server.js'
import { createTaskProtection } from '../ops/task-protection.js'
import type { Delivery, Queue } from '../queue/port.js'
import { type BrokerEvent, watchConnection } from './connection-watch.js'
import type { FleetAdapters } from './fleet-adapters.js'
import { watchJob } from './job-watch.js'
import type { JobWatch } from './job-watch.js'
import { createStopper } from './stopper.js'
import { chooseTargetFor } from './upgrade-options.js'
import type { UpgradeDeps } from './upgrade-run.js'

/** Milliseconds that a broker waits longer than a job may take, so that a late one is counted as a failed try. */
const SETTLE_MS = 15 * 60_000

/** What the command needs besides its context. */
export interface ConsumerDeps {
  readonly config: Config
  readonly version: string
  readonly log: Log
  readonly createUpgrader: UpgradeDeps['createUpgrader']
  readonly adapters: FleetAdapters
}

export interface ConsumerOptions {
  readonly fleet: FleetConfig
  /** Milliseconds without a message after which the worker ends; undefined: never. */
  readonly idleExitMs: number | undefined
}

/**
 * Works on the messages of one queue until a stop is asked for, or nothing came for long enough. Rejects with a
 * DuckfleetError when it cannot start or go on. Whatever it opened is closed, and its work folder gone, in any case.
 */
export async function runConsumer(
  size: 'small' | 'big',
  options: ConsumerOptions,
  deps: ConsumerDeps,
  signal: AbortSignal,
): Promise<void> {
  const cleanup = createCleanup()
  try {
    await consume(size, options, deps, cleanup, signal)
  } finally {
    await cleanup.run()
  }
}

async function consume(
  size: 'small' | 'big',
  { fleet, idleExitMs }: ConsumerOptions,
  deps: ConsumerDeps,
  cleanup: Cleanup,
  signal: AbortSignal,
): Promise<void> {
  const { log, adapters } = deps
  const engines = await locateEngines(deps.config.enginesFolder)
  const policy = policyOf(fleet, deps.config, engines)
  const stopper = createStopper(signal, fleet.graceMs, idleExitMs)
  cleanup.add(() => stopper.close())
  const runFolder = await createRunFolder(deps.config.workDir)
  cleanup.add(() => removeFolder(runFolder))
  const slotFolder = await createSlotFolder(runFolder, 0)
  const metrics = createMetrics(size)
  const upgrader = deps.createUpgrader(slotFolder, engines, metrics.engineLost)
  cleanup.add(() => upgrader.close())

  const connection = watchConnection(log)
  const jobs = watchJob(fleet.jobDeadlineMs + SETTLE_MS)
  if (fleet.metricsPort !== undefined) {
    const health = (): ReturnType<typeof connection.health> => {
      const stuck = jobs.stuck()
      const { healthy, details } = connection.health({ worker: size, stuck })
      return { healthy: healthy && !stuck, details }
    }
    const server = await startStatusServer(fleet.metricsPort, health, metrics)
    cleanup.add(() => server.close())
    log.event('info', 'status server listens', { port: server.port })
  }
  const onEvent = (event: BrokerEvent): void => {
    connection.onEvent(event)
    if (event.kind === 'disconnected') stopper.busy('disconnected')
    if (event.kind === 'connected') stopper.free('disconnected')
  }
  const broker = await adapters.openBroker(fleet, onEvent, stopper.stop)
  cleanup.add(() => broker.close())
  const queue = await broker.queue(fleet.queues[size], {
    deliveryTimeoutMs: fleet.jobDeadlineMs + SETTLE_MS,
    // On a connection of its own, which may come back later than the first one does.
    onConsuming: (consuming) => {
      if (consuming) stopper.free('subscribing')
      else stopper.busy('subscribing')
    },
  })
  const big = size === 'small' ? await broker.queue(fleet.queues.big, {}) : undefined
  const stores = await adapters.openStores(fleet)
  cleanup.add(() => stores.close())

  const job: Omit<JobDeps, 'onStep'> = {
    policy,
    places: stores.places,
    upgrade: upgrader.upgrade,
    check: upgrader.check,
    compare: upgrader.compare,
    warm: (header, target, jobSignal) => {
      upgrader.warm(header, target, jobSignal)
    },
    slotFolder,
    version: deps.version,
    onDownload: metrics.downloaded,
  }
  log.event('info', 'ready', { worker: size, queue: fleet.queues[size], target: policy.target.release })
  // Not sooner: on a busy machine, connecting takes longer than many an idle time.
  stopper.free('starting')
  const counts = await work({ queue, big, job, jobs, fleet, metrics, log, cleanup, stopper })
  log.event('info', 'ended', counts)
}

interface Work {
  readonly queue: Queue
  readonly big: Queue | undefined
  readonly job: Omit<JobDeps, 'onStep'>
  readonly jobs: JobWatch
  readonly fleet: FleetConfig
  readonly metrics: Metrics
  readonly log: Log
  readonly cleanup: Cleanup
  readonly stopper: ReturnType<typeof createStopper>
}

/** Works until it is stopped; gives the number of jobs by outcome. */
async function work(all: Work): Promise<Readonly<Record<string, number>>> {
  const { queue, big, job, jobs, fleet, metrics, log, cleanup, stopper } = all
  const counts: Record<string, number> = {}
  const marks = new WeakMap<Delivery, ReturnType<typeof markOf>>()
  const protection = fleet.ecsAgent === undefined ? undefined : protect(fleet.ecsAgent, log)
  if (protection) cleanup.add(() => protection.close())
  await runWorker(
    {
      queue,
      retry: {
        ...fleet.retry,
        engineAttempts: Math.min(FLEET_RETRY.engineAttempts, fleet.retry.attempts),
      },
      deadlineMs: fleet.jobDeadlineMs,
      ...(big === undefined ? {} : { overflow: (message, signal) => big.publish(message, signal) }),
      ...(protection === undefined ? {} : { guard: () => protection.guard() }),
      job: (delivery) => {
        const mark = markOf(delivery)
        marks.set(delivery, mark)
        stopper.busy('at work')
        jobs.started()
        metrics.jobStarted()
        log.event('info', 'job started', { ...mark, message: delivery.id })
        return {
          ...job,
          policy: { ...job.policy, replaceUntil: delivery.publishedAt },
          onStep: (step) => {
            metrics.step(step)
            log.step(step, mark)
          },
        }
      },
      onReport: (report, retryInMs, delivery) => {
        metrics.jobEnded(report)
        counts[report.outcome] = (counts[report.outcome] ?? 0) + 1
        log.job(report, retryInMs, marks.get(delivery))
        jobs.ended()
        stopper.free('at work')
      },
      onUnsettled: (error, delivery) => {
        const why = `the message could not be settled and will come again, which is harmless: ${error.message}`
        log.event('warn', why, marks.get(delivery))
      },
    },
    stopper,
  )
  return counts
}

function protect(agent: string, log: Log): ReturnType<typeof createTaskProtection> {
  return createTaskProtection({
    agent,
    onProblem: (message) => {
      log.event('warn', `${message}; the job goes on, but this task may be scaled in`)
    },
  })
}

function policyOf(fleet: FleetConfig, config: Config, engines: readonly InstalledEngine[]): JobPolicy {
  return {
    target: chooseTargetFor({}, config, engines),
    verify: fleet.verify,
    existing: fleet.overwrite ? 'replace' : 'compare',
    inPlace: false,
    memory: fleet.memory ?? Math.floor(containerMemory() / 2),
    threads: os.availableParallelism(),
    assertReadable: (header) => {
      chooseReader(header, engines)
    },
  }
}

/** Bytes that this container may use, or that the machine has. */
function containerMemory(): number {
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, os.totalmem()) : os.totalmem()
}

function markOf({ body, attempts }: Delivery): { job: string; tracker: string | undefined; attempt: number } {
  return { job: randomUUID(), tracker: trackerIn(body), attempt: attempts }
}

function trackerIn(body: string): string | undefined {
  try {
    return trackerOf(parseMessage(body))
  } catch (error) {
    // The job fails for it, with the reason.
    if (asDuckfleetError(error).code === 'usage') return undefined
    throw error
  }
}
