import { setTimeout } from 'node:timers/promises'
import { throwIfAborted } from '../abort.js'
import { asDuckfleetError } from '../errors.js'
import { retryDelay } from './retry.js'
import type { RetryPolicy } from './retry.js'

/** Runs an operation again while it ends with `transient`, as often as the policy says. Rejects with the last error. */
export async function retried<T>(
  run: () => Promise<T>,
  policy: Pick<RetryPolicy, 'attempts' | 'baseMs' | 'maxMs'>,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run()
    } catch (thrown) {
      const error = asDuckfleetError(thrown)
      if (error.code !== 'transient' || attempt >= policy.attempts) throw error
      await setTimeout(retryDelay(policy, attempt), undefined, { signal }).catch(() => undefined)
      throwIfAborted(signal)
    }
  }
}
