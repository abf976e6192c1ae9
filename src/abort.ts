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

/**
 * Links a new controller to the signals. Not `AbortSignal.any`: on Node 20 a combined signal, and a timeout that only it
 * refers to, can be collected as garbage before they fire (nodejs/node#54614), and whoever waits for them waits for ever.
 */
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

/** A signal that fires `ms` milliseconds after another one, until `release`: for what should rather end than be cut off. */
export function delayAbort(
  signal: AbortSignal,
  ms: number,
): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const wait = (): void => {
    timer = setTimeout(() => {
      controller.abort(signal.reason)
    }, ms)
  }
  signal.addEventListener('abort', wait, { once: true })
  if (signal.aborted) wait()
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', wait)
    },
  }
}

/** A signal that fires with another one, or when its time is over. */
export interface TimeLimit {
  readonly signal: AbortSignal
  /** Whether it fired because of the time. */
  readonly late: () => boolean
  readonly release: () => void
}

/** Limits what `signal` may stop to `ms` milliseconds; release it in any case. */
export function limitTime(signal: AbortSignal, ms: number): TimeLimit {
  const { controller, release } = linkAbort(signal)
  let late = false
  const timer = setTimeout(() => {
    late = !controller.signal.aborted
    controller.abort(new DuckfleetError('transient', `not done within ${ms / 1000} s`))
  }, ms)
  return {
    signal: controller.signal,
    late: () => late,
    release: () => {
      clearTimeout(timer)
      release()
    },
  }
}
