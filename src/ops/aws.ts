import { limitTime, throwIfAborted } from '../abort.js'
import { DuckfleetError } from '../errors.js'

/** Of every client: an operator waits for the answer. */
export const AWS_CLIENT = {
  maxAttempts: 5,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
} as const

/** Milliseconds for one call with all its tries. */
const LIMIT_MS = 30_000

/** Errors that trying again does not change. */
const WRONG =
  /^(AccessDenied|UnrecognizedClient|InvalidSignature|SignatureDoesNotMatch|ExpiredToken|InvalidClientTokenId|CredentialsProvider|TokenProvider|InvalidParameter|ServiceNotFound|ServiceNotActive|ClusterNotFound|MissingAuthenticationToken)/

/** What is being done, for the sentence of an error. */
export interface AwsCall {
  /** Such as `ECS: migrate-duck-small cannot be scaled`. */
  readonly problem: string
  /** What to check, such as names and permissions. */
  readonly hint: string
}

/**
 * Runs one call of an AWS client. Rejects with a DuckfleetError: `usage` when AWS refuses it, `transient` when there was
 * no answer in time or AWS is too busy, `aborted`.
 */
export async function callAws<T>(
  { problem, hint }: AwsCall,
  run: (abortSignal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
  limitMs = LIMIT_MS,
): Promise<T> {
  throwIfAborted(signal)
  const limit = limitTime(signal, limitMs)
  try {
    return await run(limit.signal)
  } catch (error) {
    throwIfAborted(signal)
    if (error instanceof DuckfleetError) throw error
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    if (limit.late())
      throw new DuckfleetError('transient', `${problem}: no answer within ${limitMs / 1000} s`)
    const wrong = WRONG.test(name) || message.includes('Region is missing')
    const why = /^(Error|TypeError)$/.test(name) ? message : `${name}: ${message}`
    // The error itself is not passed on as a cause: it may hold the request.
    throw new DuckfleetError(wrong ? 'usage' : 'transient', `${problem}: ${why}${wrong ? `; ${hint}` : ''}`)
  } finally {
    limit.release()
  }
}
