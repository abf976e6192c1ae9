import { difference } from './compare.js'
import type { Row, Session } from './session.js'

/**
 * The whole catalog of a database as the engine itself lists it, without what differs between two equal databases:
 * object ids, estimates and the database's own name.
 */
export interface CatalogRows {
  /** Catalog function → one line of JSON for each object. */
  readonly objects: ReadonlyMap<string, readonly string[]>
}

const FUNCTIONS = [
  'schemas',
  'types',
  'sequences',
  'functions',
  'tables',
  'columns',
  'constraints',
  'indexes',
  'views',
] as const

const FILTERS: Partial<Record<(typeof FUNCTIONS)[number], string>> = {
  // The schema `main` counts as internal; a macro is the only kind of function that a file holds.
  schemas: `schema_name NOT IN ('information_schema', 'pg_catalog')`,
  functions: `function_type IN ('macro', 'table_macro') AND NOT internal`,
  types: 'NOT internal',
  tables: 'NOT internal AND NOT "temporary"',
  views: 'NOT internal AND NOT "temporary"',
  columns: 'NOT internal',
  sequences: 'NOT "temporary"',
}

/** `constraint_index` counts through the whole process in 1.x; `estimated_size` and `*_oid` say nothing of the object. */
const VOLATILE = /(^|_)oid$|^database_name$|^estimated_size$|^constraint_index$|^constraint_name$/

export async function readCatalogRows(session: Session, database?: string): Promise<CatalogRows> {
  const name = database === undefined ? 'current_database()' : `'${database}'`
  const objects = new Map<string, readonly string[]>()
  for (const fn of FUNCTIONS) {
    const filter = [`database_name = ${name}`, ...(FILTERS[fn] === undefined ? [] : [FILTERS[fn]])]
    const rows = await session.query(`SELECT * FROM duckdb_${fn}() WHERE ${filter.join(' AND ')}`)
    objects.set(fn, rows.map(stable).sort())
  }
  return { objects }
}

function stable(row: Row): string {
  const kept = Object.entries(row).filter(([column]) => !VOLATILE.test(column))
  return JSON.stringify(Object.fromEntries(kept))
}

/** @throws DuckfleetError `difference`, naming the first object that is missing, new or changed. */
export function compareCatalogRows(wanted: CatalogRows, found: CatalogRows): void {
  for (const fn of FUNCTIONS) {
    const want = wanted.objects.get(fn) ?? []
    const have = found.objects.get(fn) ?? []
    const missing = subtract(want, have)[0]
    const extra = subtract(have, want)[0]
    if (missing !== undefined || extra !== undefined) throw difference(explain(fn, missing, extra))
  }
}

/** Multiset difference. */
function subtract(from: readonly string[], what: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const line of what) counts.set(line, (counts.get(line) ?? 0) + 1)
  return from.filter((line) => {
    const left = counts.get(line) ?? 0
    counts.set(line, left - 1)
    return left <= 0
  })
}

function explain(fn: string, missing: string | undefined, extra: string | undefined): string {
  const kind = fn === 'indexes' ? 'index' : fn === 'functions' ? 'macro' : fn.replace(/s$/, '')
  if (missing === undefined) return `the new file has a ${kind} that the source has not: ${shorten(extra)}`
  if (extra === undefined) return `the new file lacks a ${kind} of the source: ${shorten(missing)}`
  return `a ${kind} of the new file is not what it was: ${shorten(missing)} became ${shorten(extra)}`
}

function shorten(line: string | undefined): string {
  const row: unknown = JSON.parse(line ?? '{}')
  const entries = Object.entries(row as Record<string, unknown>).filter(
    ([column, value]) => value !== null && value !== '' && /name|sql|definition|text|type|value|default|comment/.test(column),
  )
  return entries.map(([column, value]) => `${column}=${JSON.stringify(value)}`).join(' ').slice(0, 300)
}
