import { setTimeout as sleep } from 'node:timers/promises'

const FIRST_MS = 250
const MOST_MS = 10_000

/** Milliseconds to wait after `failures` failures in a row; at random, so that a fleet does not come back all at once. */
export function backoff(failures: number): number {
  const most = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures, 16))
  return most / 2 + (Math.random() * most) / 2
}

/** Resolves after `ms` milliseconds, or when the signal fires. Never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined)
}
