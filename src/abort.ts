import { DuckfleetError } from './errors.js'

/** Throws a DuckfleetError `aborted` when the signal has fired. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new DuckfleetError('aborted', 'stopped on request', { cause: signal.reason })
}

/** A controller of one's own that also aborts when others do, until `release`. */
export interface LinkedAbort {
  readonly controller: AbortController
  readonly release: () => void
}

/** Links a new controller to the signals. `AbortSignal.any` would keep it alive as long as the oldest of them. */
export function linkAbort(...signals: readonly AbortSignal[]): LinkedAbort {
  const controller = new AbortController()
  const links = signals.map((signal) => {
    const abort = (): void => {
      controller.abort(signal.reason)
    }
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    return () => {
      signal.removeEventListener('abort', abort)
    }
  })
  return {
    controller,
    release: () => {
      for (const unlink of links) unlink()
    },
  }
}
