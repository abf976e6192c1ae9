import { DuckfleetError } from '../../errors.js'

/** AMQP's codes that matter here. */
const ACCESS_REFUSED = 403
const NOT_FOUND = 404
const RESOURCE_LOCKED = 405
const PRECONDITION_FAILED = 406

/** Codes of Node for certificates that are not accepted: waiting does not help. */
const CERTIFICATE = /^(ERR_TLS_CERT|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(VERIFY|GET_ISSUER))/

/** What the broker said, or the network; holds no password, because neither repeats it. */
export function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // A name with several addresses gives one error for all of them, which has no message of its own.
  const parts: unknown[] = error instanceof AggregateError ? error.errors : []
  return error.message || parts.map(told).join('; ') || error.name
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

export const isAccessRefused = (error: unknown): boolean => codeOf(error) === ACCESS_REFUSED
export const isNotFound = (error: unknown): boolean => codeOf(error) === NOT_FOUND
export const isPrecondition = (error: unknown): boolean => codeOf(error) === PRECONDITION_FAILED

/** An error of a connection that could not be opened; `place` names the broker. */
export function connectError(error: unknown, place: string, user: string, vhost: string): DuckfleetError {
  const message = told(error)
  if (message.includes('ACCESS_REFUSED') || message.includes('ACCESS-REFUSED')) {
    const sentence = `RabbitMQ at ${place} refused the password of user ${user}; check the secret or RABBIT_URL`
    return new DuckfleetError('usage', sentence, { cause: error })
  }
  if (CERTIFICATE.test(String(codeOf(error)))) {
    const sentence = `the certificate of RabbitMQ at ${place} was not accepted: ${message}; set TLS_CA_FILE to its authority`
    return new DuckfleetError('usage', sentence, { cause: error })
  }
  // The broker's reason for refusing the last step of the handshake is not passed on by the client library.
  const sentence = message.includes('Expected ConnectionOpenOk')
    ? `RabbitMQ at ${place} refused the virtual host ${vhost}: it is not there, not up yet, or not open to user ${user}`
    : `RabbitMQ at ${place} cannot be reached: ${message}`
  return new DuckfleetError('transient', sentence, { cause: error })
}

/** An error of something done with a queue. */
export function queueError(error: unknown, queue: string): DuckfleetError {
  if (error instanceof DuckfleetError) return error
  const code = codeOf(error)
  const wrong = code === ACCESS_REFUSED || code === RESOURCE_LOCKED
  return new DuckfleetError(wrong ? 'usage' : 'transient', `queue ${queue}: ${told(error)}`, { cause: error })
}
