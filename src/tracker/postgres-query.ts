import { DuckfleetError } from '../errors.js'
import { PostgresError } from './postgres-errors.js'

/** Every goal has a tracker and a site. */
export const DEFAULT_QUERY = 'SELECT id, site FROM goal'

const CURSOR = 'duckfleet_trackers'
/** Whatever types the columns have, each pair once, and in an order that does not change between two runs. */
const BEFORE = `DECLARE ${CURSOR} NO SCROLL CURSOR FOR
SELECT DISTINCT t.id::text COLLATE "C" AS id, t.site::text COLLATE "C" AS site FROM (
`
const AFTER = `
) AS t
WHERE ($1::text[] IS NULL OR t.id::text = ANY ($1)) AND ($2::text[] IS NULL OR t.site::text = ANY ($2))
ORDER BY 1, 2`

/** Takes `$1` ids and `$2` sites, arrays of text; NULL for all. */
export function declareCursor(query: string): string {
  return BEFORE + bare(query) + AFTER
}

/** The next rows. A statement of its own, so that the server's time limit is for each page. */
export function fetchPage(rows: number): string {
  return `FETCH FORWARD ${rows} FROM ${CURSOR}`
}

/** An error of the whole statement, told with the place in the query that people know. */
export function queryError(error: unknown, query: string): unknown {
  if (!(error instanceof PostgresError) || error.code !== 'usage') return error
  const text = bare(query)
  const at = (error.position ?? 0) - BEFORE.length
  const place = at >= 1 && at <= text.length ? `, at character ${at}: ${excerpt(text, at)}` : ''
  return new DuckfleetError(
    'usage',
    `${error.message}${place}; the query for trackers (TRACKER_QUERY) must be one SELECT that gives the columns id and ` +
      `site: ${JSON.stringify(shorten(text))}`,
    { cause: error },
  )
}

function bare(query: string): string {
  return query.trim().replace(/[;\s]+$/, '')
}

function excerpt(text: string, at: number): string {
  return JSON.stringify(text.slice(at - 1, at + 19))
}

function shorten(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}
