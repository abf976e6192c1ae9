import { asDuckfleetError } from '../errors.js'
import type { JobReport } from './report.js'
import { retryDelay } from './retry.js'
import type { RetryPolicy } from './retry.js'

/** What becomes of a message. */
export type Verdict =
  | { readonly kind: 'ack' }
  | { readonly kind: 'retry'; readonly reason: string; readonly delayMs: number }
  /** Back at once; this try does not count. */
  | { readonly kind: 'release' }
  /** To the queue for big files. */
  | { readonly kind: 'forward' }
  | { readonly kind: 'fail'; readonly reason: string; readonly error: string }

/** The outcome table: what a report and the number of this try make of the message. */
export function judge(
  { outcome, error }: JobReport,
  attempts: number,
  policy: RetryPolicy,
  canForward: boolean,
): Verdict {
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
      if (reason === 'aborted') return { kind: 'release' }
      if (reason === 'no-space' && canForward) return { kind: 'forward' }
      const allowed = reason === 'engine' ? policy.engineAttempts : policy.attempts
      if (attempts >= allowed) return { kind: 'fail', reason, error: message }
      return { kind: 'retry', reason, delayMs: retryDelay(policy, attempts) }
    }
    default:
      return outcome satisfies never
  }
}
