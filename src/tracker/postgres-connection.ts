import net from 'node:net'
import pg from 'pg'
import { throwIfAborted } from '../abort.js'
import { DuckfleetError } from '../errors.js'
import { isRefusal, postgresError } from './postgres-errors.js'

/** How a database is reached. */
export interface PostgresCredentials {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  /** Whether the connection is encrypted, and the server's certificate checked. */
  readonly tls: boolean
  /** PEM of the authority that signed the server's certificate; undefined: the system's. */
  readonly ca?: string | undefined
}

/** Asked again, `fresh`, when the server refuses them: passwords are rotated. */
export type PostgresCredentialsSource = (
  options: { readonly fresh: boolean },
  signal: AbortSignal,
) => Promise<PostgresCredentials>

export interface ConnectionLimits {
  /** Milliseconds until a connection is there. */
  readonly connectTimeoutMs: number
  /** Milliseconds that the server may take for one statement. */
  readonly statementTimeoutMs: number
}

/** One connection, for one reader. */
export interface PostgresConnection {
  /** Rejects with a DuckfleetError; see {@link postgresError}. */
  query(text: string, values?: readonly unknown[]): Promise<readonly unknown[]>
  /** Can be called twice. */
  close(): Promise<void>
}

/** How much longer than the server this side waits: then nobody is there any more. */
const SILENCE_MS = 15_000
const GOODBYE_MS = 2_000

/**
 * Connects, with fresh credentials if the first ones are refused. The signal ends the connection at once, also
 * later. Throws a DuckfleetError: `usage` for what is refused, `transient` when the server is not there, `aborted`.
 */
export async function connectPostgres(
  credentials: PostgresCredentialsSource,
  limits: ConnectionLimits,
  signal: AbortSignal,
): Promise<PostgresConnection> {
  throwIfAborted(signal)
  try {
    return await open(await credentials({ fresh: false }, signal), limits, signal)
  } catch (error) {
    if (!isRefusal(error)) throw error
    return await open(await credentials({ fresh: true }, signal), limits, signal)
  }
}

async function open(
  credentials: PostgresCredentials,
  limits: ConnectionLimits,
  signal: AbortSignal,
): Promise<PostgresConnection> {
  // Of our own, because ending a client in good order needs a server that answers.
  const socket = new net.Socket()
  const client = createClient(credentials, socket, limits)
  // What goes wrong between two statements is told by the next one.
  client.on('error', () => undefined)
  const where = `the database ${credentials.database} at ${credentials.host}:${credentials.port}`
  const cut = (): void => {
    socket.destroy()
  }
  signal.addEventListener('abort', cut)
  const run = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      throwIfAborted(signal)
      return await work()
    } catch (error) {
      throw signal.aborted ? stopped(signal) : postgresError(error, where)
    }
  }
  const close = async (): Promise<void> => {
    signal.removeEventListener('abort', cut)
    const timer = setTimeout(cut, GOODBYE_MS)
    if (!socket.destroyed) await client.end().catch(() => undefined)
    clearTimeout(timer)
    socket.destroy()
  }
  try {
    await run(() => client.connect())
  } catch (error) {
    await close()
    throw error
  }
  return {
    query: (text, values) =>
      run(async () => {
        const result: { readonly rows: readonly unknown[] } = await client.query(text, values && [...values])
        return result.rows
      }),
    close,
  }
}

function createClient(
  credentials: PostgresCredentials,
  socket: net.Socket,
  { connectTimeoutMs, statementTimeoutMs }: ConnectionLimits,
): pg.Client {
  const { host, port, user, password, database, tls, ca } = credentials
  return new pg.Client({
    host,
    port,
    user,
    password,
    database,
    ssl: tls ? { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) } : false,
    stream: () => socket,
    application_name: 'duckfleet',
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: statementTimeoutMs + SILENCE_MS,
  })
}

function stopped(signal: AbortSignal): DuckfleetError {
  return new DuckfleetError('aborted', 'stopped on request', { cause: signal.reason })
}
