import { z } from 'zod'
import { throwIfAborted } from '../abort.js'
import type { Tracker, TrackerFilter, TrackerSource } from './port.js'
import { connectPostgres } from './postgres-connection.js'
import type {
  ConnectionLimits,
  PostgresConnection,
  PostgresCredentialsSource,
} from './postgres-connection.js'
import { DEFAULT_QUERY, declareCursor, fetchPage, queryError } from './postgres-query.js'

export interface PostgresTrackersOptions extends Partial<ConnectionLimits> {
  readonly credentials: PostgresCredentialsSource
  /** One SELECT with the columns `id` and `site`, of any types; default: {@link DEFAULT_QUERY}. */
  readonly query?: string | undefined
  /** Rows that are fetched at once. */
  readonly pageRows?: number
}

const PAGE_ROWS = 1000
const CONNECT_TIMEOUT_MS = 15_000
const STATEMENT_TIMEOUT_MS = 300_000

/** NULL is told as empty text, which whoever uses it refuses by name. */
const rows = z.array(
  z.object({ id: z.string().nullable(), site: z.string().nullable() }).transform(({ id, site }): Tracker => ({
    id: id ?? '',
    site: site ?? '',
  })),
)

/**
 * Trackers from a table of Postgres, in order of their ids. Every call of `trackers` has a connection of its own and reads
 * one snapshot through a cursor, in a transaction that can write nothing. Nothing is connected before.
 */
export function createPostgresTrackers(options: PostgresTrackersOptions): TrackerSource {
  const {
    credentials,
    query = DEFAULT_QUERY,
    pageRows = PAGE_ROWS,
    connectTimeoutMs = CONNECT_TIMEOUT_MS,
    statementTimeoutMs = STATEMENT_TIMEOUT_MS,
  } = options
  const opened = new Set<PostgresConnection>()

  async function* trackers(filter: TrackerFilter, signal: AbortSignal): AsyncGenerator<Tracker> {
    const connection = await connectPostgres(credentials, { connectTimeoutMs, statementTimeoutMs }, signal)
    opened.add(connection)
    try {
      await begin(connection, query, filter, statementTimeoutMs)
      for (;;) {
        const page = rows.parse(await run(connection, fetchPage(pageRows), query))
        for (const tracker of page) {
          throwIfAborted(signal)
          yield tracker
        }
        throwIfAborted(signal)
        if (page.length < pageRows) return
      }
    } finally {
      opened.delete(connection)
      await connection.close()
    }
  }

  return {
    trackers,
    async close() {
      await Promise.all([...opened].map((connection) => connection.close()))
    },
  }
}

async function begin(
  connection: PostgresConnection,
  query: string,
  { trackers, sites }: TrackerFilter,
  statementTimeoutMs: number,
): Promise<void> {
  await connection.query(`SET statement_timeout = ${Math.round(statementTimeoutMs)}`)
  // Between two pages this transaction waits for as long as their files take.
  await connection.query('SET idle_in_transaction_session_timeout = 0')
  // Servers before 14 do not know it: a query that nobody waits for any more then runs until its time is over.
  await connection.query('SET client_connection_check_interval = 2000').catch(() => undefined)
  await connection.query('BEGIN TRANSACTION READ ONLY')
  const anyOf = (list: readonly string[]): readonly string[] | null => (list.length === 0 ? null : list)
  await run(connection, declareCursor(query), query, [anyOf(trackers), anyOf(sites)])
}

/** The query is run while pages are fetched, so its errors come there too. */
async function run(
  connection: PostgresConnection,
  statement: string,
  query: string,
  values?: readonly unknown[],
): Promise<readonly unknown[]> {
  try {
    return await connection.query(statement, values)
  } catch (error) {
    throw queryError(error, query)
  }
}
