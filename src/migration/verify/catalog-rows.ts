import type { ObjectName } from '../catalog/catalog.js'
import { difference } from './compare.js'
import { oneSpelling, squeezed } from '../sql/one-spelling.js'
import { text } from '../sql/row.js'
import { type Cell, type Row, type Session, SqlError } from '../sql/session.js'
import { closingBracket, ident, qualified, splitList } from '../sql/sql.js'

/** Catalog functions that are compared, in the order in which a difference is most telling. */
const KINDS = [
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
export type CatalogKind = (typeof KINDS)[number]

/** The whole catalog of a database as the engine itself lists it: rows of `duckdb_tables()` and so on. */
export type CatalogRows = ReadonlyMap<CatalogKind, readonly Row[]>

const FILTERS: Partial<Record<CatalogKind, string>> = {
  // The schema `main` counts as internal; a macro is the only kind of function that a file holds.
  schemas: `schema_name NOT IN ('information_schema', 'pg_catalog')`,
  functions: `function_type IN ('macro', 'table_macro') AND NOT internal`,
  types: 'NOT internal',
  tables: 'NOT internal AND NOT "temporary"',
  views: 'NOT internal AND NOT "temporary"',
  columns: 'NOT internal',
  sequences: 'NOT "temporary"',
}

/** Numbers of sequences as text: a driver may give them as doubles, which are not exact. */
const COLUMNS: Partial<Record<CatalogKind, string>> = {
  sequences:
    '* REPLACE (min_value::VARCHAR AS min_value, max_value::VARCHAR AS max_value, increment_by::VARCHAR AS increment_by)',
}

const ORDER: Partial<Record<CatalogKind, string>> = { columns: ' ORDER BY table_oid, column_index' }

/**
 * Reads the catalog, of 0.7 or later, of the database that is in use. Listing functions takes longer than everything else together, so it is left out
 * where no macro is expected (`macros`).
 */
export async function readCatalogRows(session: Session, options: { macros: boolean }): Promise<CatalogRows> {
  const read = async (kind: CatalogKind): Promise<readonly Row[]> => {
    if (kind === 'functions' && !options.macros) return []
    const filter = [
      'database_name = current_database()',
      ...(FILTERS[kind] === undefined ? [] : [FILTERS[kind]]),
    ]
    return session.query(
      `SELECT ${COLUMNS[kind] ?? '*'} FROM duckdb_${kind}() WHERE ${filter.join(' AND ')}${ORDER[kind] ?? ''}`,
    )
  }
  // Sent together: the engine answers in this order, and need not wait for the next question.
  const lists = await Promise.all(KINDS.map(read))
  const catalog = new Map(KINDS.map((kind, i) => [kind, lists[i] ?? []]))
  catalog.set('functions', await withDefaults(session, catalog.get('functions') ?? []))
  return catalog
}

/** More arguments than any macro takes. */
const TOO_MANY = Array.from({ length: 200 }, () => 'NULL').join(', ')

/**
 * Macros with the defaults of their parameters, which no catalog function shows: the complaint about a call with too
 * many arguments does, and it is made before the body is looked at.
 */
async function withDefaults(session: Session, macros: readonly Row[]): Promise<Row[]> {
  const rows: Row[] = []
  for (const row of macros) {
    const called = `${ident(text(row, 'database_name'))}.${qualified(text(row, 'schema_name'), text(row, 'function_name'))}`
    const call = `${row['function_type'] === 'macro' ? '' : '* FROM '}${called}(${TOO_MANY})`
    const complaint = await session.query(`EXPLAIN SELECT ${call}`).then(
      () => null,
      (error: unknown) => {
        if (error instanceof SqlError) return error.message
        throw error
      },
    )
    rows.push(complaint === null ? { ...row, parameter_defaults: null } : inOneOrder(row, complaint))
  }
  return rows
}

/** Parameters with defaults have no order up to 1.3, and are listed in another one once a file was opened again. */
function inOneOrder(row: Row, complaint: string): Row {
  const open = complaint.indexOf('(')
  // Later releases, which know an order, complain in other words.
  const close = / positional arguments?\b/.test(complaint) ? closingBracket(complaint, open) : undefined
  if (close === undefined) return { ...row, parameter_defaults: complaint }
  const all = splitList(complaint.slice(open + 1, close - 1))
  const isDefault = (parameter: string): boolean => parameter.includes(' := ')
  const parameters = all.filter((parameter) => !isDefault(parameter))
  return { ...row, parameters, parameter_defaults: all.filter(isDefault).sort().join(', ') }
}

/** `index` for `indexes`, `macro` for `functions`. */
export function singular(kind: CatalogKind): string {
  if (kind === 'indexes') return 'index'
  return kind === 'functions' ? 'macro' : kind.replace(/s$/, '')
}

/**
 * Columns that differ between two equal databases: object ids, estimates, the database's own name. In 1.x
 * `constraint_index` counts through the whole process. A difference of `index_count` is told better by the indexes.
 */
const VOLATILE =
  /(^|_)oid$|^database_name$|^estimated_size$|^constraint_index$|^constraint_name$|^index_count$/

/** How a sequence came to its next value; the value itself stands in its `sql`. */
const SEQUENCE_HISTORY = /^(start|last)_value$/

/**
 * `broken`: views that cannot be used. What an engine lists as their columns depends on what it has looked at since it
 * was started.
 * @throws DuckfleetError `difference`, naming the first object that is missing, new or changed.
 */
export function compareCatalogRows(
  wanted: CatalogRows,
  found: CatalogRows,
  broken: readonly ObjectName[] = [],
): void {
  const ignored = new Set(broken.map(({ schema, name }) => `${schema}\0${name}`))
  const rowsOf = (rows: CatalogRows, kind: CatalogKind): readonly Row[] =>
    (rows.get(kind) ?? []).flatMap((row): Row[] => {
      if (kind === 'views' && ignored.has(`${text(row, 'schema_name')}\0${text(row, 'view_name')}`))
        return [{ ...row, column_count: null }]
      const isIgnored =
        kind === 'columns' && ignored.has(`${text(row, 'schema_name')}\0${text(row, 'table_name')}`)
      return isIgnored ? [] : [row]
    })
  for (const kind of KINDS) {
    const want = stable(kind, rowsOf(wanted, kind))
    const have = stable(kind, rowsOf(found, kind))
    const missing = subtract(want, have)[0]
    const extra = subtract(have, want)[0]
    if (missing !== undefined || extra !== undefined)
      throw difference(explain(singular(kind), missing, extra))
  }
}

function stable(kind: CatalogKind, rows: readonly Row[]): string[] {
  const ignored = (column: string): boolean =>
    VOLATILE.test(column) || (kind === 'sequences' && SEQUENCE_HISTORY.test(column))
  return rows.map((row) => {
    const cells = Object.entries(row).filter(([column]) => !ignored(column))
    const database = `${ident(text(row, 'database_name'))}.`
    return JSON.stringify(
      Object.fromEntries(cells.map(([column, cell]) => [column, comparable(column, cell, database)])),
    )
  })
}

function comparable(column: string, cell: Cell, database: string): Cell {
  if (typeof cell !== 'string') return cell
  // A column of a view without a name of its own is named after its expression, with the database in it.
  if (column === 'column_name') return cell.replaceAll(database, '')
  if (column === 'expressions') return squeezed(cell)
  return SQL_TEXT.test(column) ? oneSpelling(cell) : cell
}

const SQL_TEXT = /^(sql|column_default|expression|constraint_text|macro_definition|parameter_defaults)$/

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

function explain(kind: string, missing: string | undefined, extra: string | undefined): string {
  const article = kind === 'index' ? 'an' : 'a'
  if (missing === undefined)
    return `the new file has ${article} ${kind} that the source has not: ${shorten(extra)}`
  if (extra === undefined) return `the new file lacks ${article} ${kind} of the source: ${shorten(missing)}`
  return `${article} ${kind} of the new file is not what it was: ${shorten(missing)} became ${shorten(extra)}`
}

function shorten(line: string | undefined): string {
  const row: unknown = JSON.parse(line ?? '{}')
  const entries = Object.entries(row as Record<string, unknown>).filter(
    ([column, value]) =>
      value !== null && value !== '' && /name|sql|definition|text|type|value|default|comment/.test(column),
  )
  return entries
    .map(([column, value]) => `${column}=${JSON.stringify(value)}`)
    .join(' ')
    .slice(0, 300)
}
