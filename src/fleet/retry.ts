/** How often, and how long after, a message is tried again. */
export interface RetryPolicy {
  /** Tries in all for errors of network, server and disk. */
  readonly attempts: number
  /** Tries in all for engines that died or hung: most of these do it again. */
  readonly engineAttempts: number
  /** Milliseconds before the second try. */
  readonly baseMs: number
  /** Milliseconds at most. */
  readonly maxMs: number
}

/** For a fleet: 10 s, 40 s, 160 s, 10 min, then over. */
export const FLEET_RETRY: RetryPolicy = { attempts: 5, engineAttempts: 2, baseMs: 10_000, maxMs: 600_000 }

/** For a person who waits. */
export const LOCAL_RETRY: RetryPolicy = { attempts: 3, engineAttempts: 1, baseMs: 1_000, maxMs: 5_000 }

/** Milliseconds to wait after try number `attempts` (1, 2, …); four times as long every time. */
export function retryDelay(policy: Pick<RetryPolicy, 'baseMs' | 'maxMs'>, attempts: number): number {
  return Math.min(policy.maxMs, policy.baseMs * 4 ** (attempts - 1))
}
