import { setTimeout as sleep } from 'node:timers/promises'
import { throwIfAborted } from '../abort.js'
import { asDuckfleetError } from '../errors.js'
import type { ServiceCounts, Services } from './services.js'

export interface WaitOptions {
  readonly limitMs: number
  readonly pollMs: number
  /** Told of the first counts, and of each change. */
  readonly onChange: (counts: ServiceCounts) => void
}

/** Whether as many tasks run as shall. */
export function isSettled({ desired, running, pending }: ServiceCounts): boolean {
  return running === desired && pending === 0
}

/**
 * Looks at a service until as many tasks run as shall, or the time is over: the last counts say which. Rejects with
 * `usage` and `aborted`; an answer that does not come is asked for again.
 */
export async function waitForTasks(
  services: Services,
  first: ServiceCounts,
  { limitMs, pollMs, onChange }: WaitOptions,
  signal: AbortSignal,
): Promise<ServiceCounts> {
  const end = performance.now() + limitMs
  let last = first
  onChange(last)
  while (!isSettled(last) && performance.now() < end) {
    await sleep(Math.min(pollMs, Math.max(end - performance.now(), 1)), undefined, { signal }).catch(
      () => undefined,
    )
    throwIfAborted(signal)
    const next = await look(services, last, signal)
    if (JSON.stringify(next) !== JSON.stringify(last)) onChange(next)
    last = next
  }
  return last
}

async function look(services: Services, last: ServiceCounts, signal: AbortSignal): Promise<ServiceCounts> {
  try {
    return await services.counts(last.service, signal)
  } catch (error) {
    if (asDuckfleetError(error).code !== 'transient') throw error
    return last
  }
}
