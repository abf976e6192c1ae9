import { asDuckfleetError } from '../errors.js'
import type { Delivery, Queue } from '../queue/port.js'
import { runJob } from './job.js'
import type { JobDeps } from './job-deps.js'
import type { JobReport } from './report.js'
import { retryDelay } from './retry.js'
import type { RetryPolicy } from './retry.js'

export interface WorkerDeps {
  readonly queue: Queue
  readonly retry: RetryPolicy
  /**
   * Told of every job, before its message is settled; a rejection gives the message back. `retryInMs` is how long
   * a `retried` one waits for its next try.
   */
  readonly onReport: (report: JobReport, retryInMs: number | undefined) => void | Promise<void>
}

/** What becomes of a message. */
type Verdict =
  | { readonly kind: 'ack' }
  | { readonly kind: 'retry'; readonly reason: string; readonly delayMs: number }
  | { readonly kind: 'fail'; readonly reason: string; readonly error: string }

/**
 * Takes one message at a time until the queue ends or the signal fires; the job in hand is then stopped and its
 * message given back. Run one for every slot. Rejects when the queue does, or `onReport`.
 */
export async function runWorker(deps: WorkerDeps, job: JobDeps, signal: AbortSignal): Promise<void> {
  for await (const delivery of deps.queue.consume(signal)) {
    const report = await runJob(delivery.body, job, signal)
    const verdict = judge(report, delivery.attempts, deps.retry)
    const outcome = verdict.kind === 'fail' ? 'failed' : report.outcome
    await deps.onReport({ ...report, outcome }, verdict.kind === 'retry' ? verdict.delayMs : undefined)
    await settle(delivery, verdict)
  }
}

/** The outcome table: what a report and the number of this try make of the message. */
function judge({ outcome, error }: JobReport, attempts: number, policy: RetryPolicy): Verdict {
  const { code: reason, message } = error ?? asDuckfleetError('the job gave no reason')
  switch (outcome) {
    case 'migrated':
    case 'copied':
    case 'skipped':
      return { kind: 'ack' }
    case 'failed':
      return { kind: 'fail', reason, error: message }
    case 'retried': {
      // Being stopped is nobody's failure, however often it happens.
      if (reason === 'aborted') return { kind: 'retry', reason, delayMs: 0 }
      const allowed = reason === 'engine' ? policy.engineAttempts : policy.attempts
      if (attempts >= allowed) return { kind: 'fail', reason, error: message }
      return { kind: 'retry', reason, delayMs: retryDelay(policy, attempts) }
    }
    default:
      return outcome satisfies never
  }
}

async function settle(delivery: Delivery, verdict: Verdict): Promise<void> {
  switch (verdict.kind) {
    case 'ack':
      await delivery.ack()
      return
    case 'retry':
      await delivery.retry(verdict.reason, verdict.delayMs)
      return
    case 'fail':
      await delivery.fail(verdict.reason, verdict.error)
      return
    default:
      verdict satisfies never
  }
}
