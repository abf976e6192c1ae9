import { DuckfleetError } from '../errors.js'

/** Classes of SQLSTATE that say nothing about the query: connection, resources, operator, system, serialization, bug. */
const TRANSIENT_CLASSES = ['08', '53', '57', '58', '40', '55', 'XX']
/** `invalid_authorization_specification` and `invalid_password`. */
const REFUSED_CLASS = '28'
const TLS_CODES = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA)/

/** What `pg` gives of an error of the server; the fields that matter here. */
interface ServerError extends Error {
  readonly code: string
  readonly position?: string | undefined
}

/** A failed statement, with its place in the text that was sent, 1 for the first character. */
export class PostgresError extends DuckfleetError {
  constructor(
    code: 'usage' | 'transient',
    message: string,
    readonly sqlState: string,
    readonly position: number | undefined,
    options: { cause: unknown },
  ) {
    super(code, message, options)
  }
}

/** What `pg` threw as a DuckfleetError: `usage` where trying again gives the same, else `transient`. */
export function postgresError(error: unknown, where: string): DuckfleetError {
  if (error instanceof DuckfleetError) return error
  if (isServerError(error)) return serverError(error, where)
  const { code, message } = described(error)
  if (TLS_CODES.test(code) || /SSL connection/i.test(message)) {
    return new DuckfleetError(
      'usage',
      `cannot talk to ${where} over TLS: ${message}; check the certificate, its authority (TLS_CA_FILE), and whether the ` +
        'server speaks TLS',
      { cause: error },
    )
  }
  if (/^(SASL|SCRAM)/i.test(message)) {
    return new DuckfleetError('usage', `${where} does not accept the password: ${message}`, { cause: error })
  }
  return new DuckfleetError(
    'transient',
    `cannot reach ${where}: ${message}; check address, network and server, and try again`,
    { cause: error },
  )
}

/** The server does not know this user or this password. */
export function isRefusal(error: unknown): boolean {
  return error instanceof PostgresError && error.sqlState.startsWith(REFUSED_CLASS)
}

function serverError(error: ServerError, where: string): PostgresError {
  const { code, message, position } = error
  const kind = TRANSIENT_CLASSES.includes(code.slice(0, 2)) ? 'transient' : 'usage'
  return new PostgresError(
    kind,
    `${where} ${sentence(code, message)}`,
    code,
    position === undefined ? undefined : Number(position),
    { cause: error },
  )
}

function sentence(code: string, message: string): string {
  if (code.startsWith(REFUSED_CLASS)) return `refuses us: ${message}; check the user and the password`
  if (code === '57014') return `took too long: ${message}; try again, or make the query simpler`
  if (code === '3D000') return `is not there: ${message}; check the name`
  return `says: ${message}`
}

function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string'
}

function described(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: '', message: String(error) }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // Several addresses of one name were tried: the first error will do.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined
  return { code, message: error.message === '' && first instanceof Error ? first.message : error.message }
}
