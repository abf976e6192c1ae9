import { asDuckfleetError, DuckfleetError } from '../errors.js'
import { SqlError } from './session.js'

/** What the source engine refuses to read is damaged or not understood: never a reason to go on without it. */
export function sourceError(error: unknown, what: string): DuckfleetError {
  if (error instanceof SqlError && /Out of Memory/i.test(error.message))
    return new DuckfleetError(
      'engine',
      `${what} needs more memory than the source engine was given: raise --memory`,
      {
        cause: error,
      },
    )
  if (error instanceof SqlError)
    return new DuckfleetError('corrupt', `${what} cannot be read: ${error.message}`, { cause: error })
  return asDuckfleetError(error)
}

/** What the target refuses to write, by name. */
export function targetError(error: unknown, what: string): DuckfleetError {
  if (!(error instanceof SqlError)) return asDuckfleetError(error)
  const full = /No space left|not enough space|disk full/i.test(error.message)
  return new DuckfleetError(
    full ? 'no-space' : 'unsupported',
    `${what} cannot be written: ${error.message}`,
    { cause: error },
  )
}
