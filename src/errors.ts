/**
 * How an error changes what happens next; the text is for people, the code for programs.
 *
 * - `usage`: the command or configuration is wrong; nothing was tried.
 * - `unreadable`: the file is no database, is encrypted, or no installed engine opens it: `skipped` or refused.
 * - `corrupt`: the file says it is a database, but it is damaged: trying again gives the same.
 * - `unsupported`: something in the file, which is whole, cannot be read or carried over; the message names it.
 * - `difference`: the finished file is not equal to the source; the message names what differs.
 * - `engine`: an engine process crashed, hung or grew too far.
 * - `no-space`: the work disk or the destination is full: worth another try later, or elsewhere.
 * - `transient`: network, server or disk: worth another try later.
 * - `aborted`: somebody asked to stop.
 */
export type ErrorCode =
  | 'usage'
  | 'unreadable'
  | 'corrupt'
  | 'unsupported'
  | 'difference'
  | 'engine'
  | 'no-space'
  | 'transient'
  | 'aborted'

/** The one error type of this project: a sentence for a person, a code for the job that decides what to do. */
export class DuckfleetError extends Error {
  override readonly name = 'DuckfleetError'

  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options)
  }
}

/** Whatever was thrown, as a DuckfleetError; an unknown error gets `fallback` as its code. */
export function asDuckfleetError(error: unknown, fallback: ErrorCode = 'engine'): DuckfleetError {
  if (error instanceof DuckfleetError) return error
  const name = error instanceof Error ? error.name : ''
  if (name === 'AbortError') return new DuckfleetError('aborted', 'stopped on request', { cause: error })
  const message = error instanceof Error ? error.message : String(error)
  return new DuckfleetError(fallback, message, { cause: error })
}

/** Error code of a failed system call, such as `ENOENT`; undefined for any other error. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
