import { DuckfleetError } from '../errors.js'
import type { WorkerSignals } from '../fleet/worker.js'

/** Why a worker is not waiting for a message. */
type Busy = 'starting' | 'at work' | 'disconnected' | 'subscribing'

/** When a worker takes no more messages, and when its job in hand is stopped too. */
export interface Stopper extends WorkerSignals {
  /** From now on it is not waiting. */
  busy(why: Busy): void
  /** That is over; when nothing else keeps it, it waits from now on. */
  free(why: Busy): void
  close(): Promise<void>
}

/**
 * Stops when `signal` fires, or when it has been waiting for `idleMs` without a break; the job in hand has `graceMs` more
 * milliseconds. A worker is `starting` at first.
 */
export function createStopper(signal: AbortSignal, graceMs: number, idleMs: number | undefined): Stopper {
  const stop = new AbortController()
  const abort = new AbortController()
  let grace: NodeJS.Timeout | undefined
  let idle: NodeJS.Timeout | undefined

  const onSignal = (): void => {
    stop.abort(signal.reason)
    grace = setTimeout(() => {
      abort.abort(new DuckfleetError('aborted', `not done within ${graceMs / 1000} s of the stop`))
    }, graceMs)
  }
  const kept = new Set<Busy>(['starting'])
  const startIdle = (): void => {
    clearTimeout(idle)
    if (idleMs === undefined || kept.size > 0) return
    idle = setTimeout(() => {
      stop.abort(new DuckfleetError('aborted', `no message for ${idleMs / 1000} s`))
    }, idleMs)
  }
  signal.addEventListener('abort', onSignal)
  if (signal.aborted) onSignal()

  return {
    stop: stop.signal,
    abort: abort.signal,
    busy: (why) => {
      kept.add(why)
      clearTimeout(idle)
    },
    free: (why) => {
      if (kept.delete(why)) startIdle()
    },
    close: () => {
      signal.removeEventListener('abort', onSignal)
      clearTimeout(grace)
      clearTimeout(idle)
      return Promise.resolve()
    },
  }
}
