import { DuckfleetError } from './errors.js'

/** Throws a DuckfleetError `aborted` when the signal has fired. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new DuckfleetError('aborted', 'stopped on request', { cause: signal.reason })
}
