import { linkAbort } from '../abort.js'
import { DuckfleetError, asDuckfleetError } from '../errors.js'
import type { Delivery, OutgoingMessage, Queue } from '../queue/port.js'
import { runJob } from './job.js'
import type { JobDeps } from './job-deps.js'
import type { JobReport } from './report.js'
import type { RetryPolicy } from './retry.js'
import { judge } from './verdict.js'
import type { Verdict } from './verdict.js'

export interface WorkerDeps {
  readonly queue: Queue
  readonly retry: RetryPolicy
  /**
   * Told of every job, before its message is settled; a rejection gives the message back. `retryInMs` is how long
   * a `retried` one waits for its next try.
   */
  readonly onReport: (
    report: JobReport,
    retryInMs: number | undefined,
    delivery: Delivery,
  ) => void | Promise<void>
  /** Makes what one job is given; called once for each message. */
  readonly job: (delivery: Delivery) => JobDeps
  /** Takes over what does not fit on this worker's disk. */
  readonly overflow?: (message: OutgoingMessage, signal: AbortSignal) => Promise<void>
  /** Milliseconds for one job; then it is stopped, and has failed one try. Default: no limit. */
  readonly deadlineMs?: number
  /** Called around each job, such as to keep this task from being scaled in. Never rejects. */
  readonly guard?: () => Promise<{ release(): Promise<void> }>
  /** A message could not be settled: its queue gives it to somebody again, which is harmless. */
  readonly onUnsettled?: (error: DuckfleetError, delivery: Delivery) => void
}

export interface WorkerSignals {
  /** No new message. */
  readonly stop: AbortSignal
  /** The job in hand is stopped too, and its message given back. */
  readonly abort: AbortSignal
}

/**
 * Takes one message at a time until the queue ends or a signal fires. Run one for every slot. Rejects when the queue
 * does, or `onReport`.
 */
export async function runWorker(deps: WorkerDeps, { stop, abort }: WorkerSignals): Promise<void> {
  for await (const delivery of deps.queue.consume(stop)) {
    const guard = await deps.guard?.()
    try {
      await handle(delivery, deps, abort)
    } finally {
      await guard?.release()
    }
  }
}

async function handle(delivery: Delivery, deps: WorkerDeps, abort: AbortSignal): Promise<void> {
  const report = await work(delivery, deps, abort)
  const verdict = judge(report, delivery.attempts, deps.retry, deps.overflow !== undefined)
  const outcome = verdict.kind === 'fail' ? 'failed' : report.outcome
  await deps.onReport({ ...report, outcome }, retryIn(verdict), delivery)
  try {
    await settle(delivery, verdict, deps, abort)
  } catch (thrown) {
    const error = asDuckfleetError(thrown)
    if (error.code !== 'transient') throw error
    deps.onUnsettled?.(error, delivery)
  }
}

/** The job, stopped when the worker is, when its message is lost, and when it takes too long. */
async function work(delivery: Delivery, deps: WorkerDeps, abort: AbortSignal): Promise<JobReport> {
  const { controller, release } = linkAbort(abort, delivery.lost)
  const late = new DuckfleetError(
    'engine',
    `not done after ${Math.round((deps.deadlineMs ?? 0) / 60_000)} minutes; if the file is that big, raise JOB_DEADLINE_MINUTES`,
  )
  const timer =
    deps.deadlineMs === undefined
      ? undefined
      : setTimeout(() => {
          controller.abort(late)
        }, deps.deadlineMs)
  try {
    const report = await runJob(delivery.body, deps.job(delivery), controller.signal)
    if (report.error?.code !== 'aborted' || controller.signal.reason !== late) return report
    return { ...report, error: { code: late.code, message: `${report.source}: ${late.message}` } }
  } finally {
    clearTimeout(timer)
    release()
  }
}

function retryIn(verdict: Verdict): number | undefined {
  switch (verdict.kind) {
    case 'retry':
      return verdict.delayMs
    case 'release':
    case 'forward':
      return 0
    case 'ack':
    case 'fail':
      return undefined
    default:
      return verdict satisfies never
  }
}

async function settle(
  delivery: Delivery,
  verdict: Verdict,
  { overflow }: WorkerDeps,
  abort: AbortSignal,
): Promise<void> {
  switch (verdict.kind) {
    case 'ack':
      await delivery.ack()
      return
    case 'retry':
      await delivery.retry(verdict.reason, verdict.delayMs)
      return
    case 'release':
      await delivery.release()
      return
    case 'forward':
      await overflow?.(copyOf(delivery), abort)
      await delivery.ack()
      return
    case 'fail':
      await delivery.fail(verdict.reason, verdict.error)
      return
    default:
      verdict satisfies never
  }
}

/** The same message for another queue: as old as it is, so that nothing written since is replaced because of the way it took. */
function copyOf({ body, id, publishedAt }: Delivery): OutgoingMessage {
  return { body, publishedAt, ...(id === undefined ? {} : { id }) }
}
