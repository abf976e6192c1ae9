import { DuckfleetError } from '../errors.js'
import type { WorkerSignals } from '../fleet/worker.js'

/** When a worker takes no more messages, and when its job in hand is stopped too. */
export interface Stopper extends WorkerSignals {
  /** A job began. */
  busy(): void
  /** Ready for the next message: from now on the worker is waiting for one. */
  idle(): void
  close(): Promise<void>
}

/**
 * Stops when `signal` fires, or `idleMs` after `idle` without a job; the job in hand has `graceMs` more milliseconds.
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
  const startIdle = (): void => {
    clearTimeout(idle)
    if (idleMs === undefined) return
    idle = setTimeout(() => {
      stop.abort(new DuckfleetError('aborted', `no message for ${idleMs / 1000} s`))
    }, idleMs)
  }
  signal.addEventListener('abort', onSignal)
  if (signal.aborted) onSignal()

  return {
    stop: stop.signal,
    abort: abort.signal,
    busy: () => {
      clearTimeout(idle)
    },
    idle: startIdle,
    close: () => {
      signal.removeEventListener('abort', onSignal)
      clearTimeout(grace)
      clearTimeout(idle)
      return Promise.resolve()
    },
  }
}
