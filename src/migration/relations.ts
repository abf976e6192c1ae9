import { DuckfleetError } from '../errors.js'
import { type Constraint, display, type Macro, type ObjectName } from './catalog/catalog.js'
import { describeView } from './catalog/catalog-reader.js'
import type { DigestTerm } from './rows/digest.js'
import { columnKey, type Incomparable, notCompared, volatileColumns } from './catalog/generated.js'
import type { TypedColumn } from './verify/lookups.js'
import { nestedTimes, withTimes } from './old-times.js'
import type { Engines } from './ports.js'
import { compareReleases } from './file/releases.js'
import { whileReplaying } from './replay.js'
import { groupBy, list, text } from './sql/row.js'
import type { Row, Session } from './sql/session.js'
import { ident, literal, qualified } from './sql/sql.js'
import { generatedExpressions } from './catalog/table-reader.js'
import { sourceError } from './transfer-errors.js'
import { parseSimpleType } from './sql/types.js'

/** Under which name the source is attached beside the new file: one that no schema has, or it would be ambiguous. */
export const SOURCE = 'duckfleet source'

/** A table of a file of 0.9 or later. */
export interface Relation {
  readonly schema: string
  readonly name: string
  readonly columns: readonly (TypedColumn & { readonly stored: boolean })[]
  /** Generated columns that are not compared. */
  readonly incomparable: Incomparable
  readonly rows: bigint
  readonly constraints: readonly Constraint[]
}

/**
 * Attaches the source beside whatever the engine has open. A WAL that makes keys or indexes is replayed only into a file
 * that may be written; it is a private copy, and nobody wants its bytes after that.
 */
export async function attachSource(
  session: Session,
  engines: Pick<Engines, 'sourcePath' | 'wal'>,
): Promise<void> {
  const attach = `ATTACH ${literal(engines.sourcePath)} AS ${ident(SOURCE)}`
  try {
    if (engines.wal === undefined) await session.query(`${attach} (READ_ONLY)`)
    else
      await whileReplaying(
        (sql) => session.query(sql),
        () => session.query(attach),
      )
  } catch (error) {
    throw sourceError(error, 'the file')
  }
}

/** The database that a session has in use. */
export async function databaseInUse(session: Session): Promise<string> {
  const [row] = await session.query('SELECT current_database() AS name')
  return row ? text(row, 'name') : ''
}

/**
 * Does what only reads the source; a session in which that fails is of no more use. An engine looks for the types and
 * macros of its CHECKs and generated columns in the database that is in use, not in that of the table.
 */
export async function usingSource<T>(session: Session, work: () => Promise<T>): Promise<T> {
  const before = await databaseInUse(session)
  await session.query(`USE ${ident(SOURCE)}.main`)
  const result = await work()
  await session.query(`USE ${ident(before)}.main`)
  return result
}

/** The source's macros. Asked for while the source is not in use: one may have the name of what lists them. */
export async function sourceMacros(session: Session): Promise<Macro[]> {
  try {
    const rows = await session.query(
      `SELECT schema_name, function_name, coalesce(macro_definition, '') AS definition FROM duckdb_functions()
       WHERE function_type IN ('macro', 'table_macro') AND NOT internal AND database_name = '${SOURCE}'`,
    )
    return rows.map((row) => ({
      schema: text(row, 'schema_name'),
      name: text(row, 'function_name'),
      definition: text(row, 'definition'),
    }))
  } catch (error) {
    throw sourceError(error, 'its catalog')
  }
}

/** Tables of the source, in the order in which they were made. */
export async function readRelations(session: Session, macros: readonly Macro[]): Promise<Relation[]> {
  try {
    const from = `WHERE database_name = '${SOURCE}'`
    const tables = await session.query(
      `SELECT schema_name, table_name, sql FROM duckdb_tables() ${from} AND NOT internal ORDER BY table_oid`,
    )
    const columns = groupBy(
      await session.query(`SELECT * FROM duckdb_columns() ${from} ORDER BY table_oid, column_index`),
      tableKey,
    )
    const constraints = groupBy(await session.query(`SELECT * FROM duckdb_constraints() ${from}`), tableKey)
    const relations: Relation[] = []
    for (const row of tables) {
      const name = { schema: text(row, 'schema_name'), name: text(row, 'table_name') }
      const all = columns.get(tableKey(row)) ?? []
      const generated = generatedExpressions(
        text(row, 'sql'),
        all.map((column) => text(column, 'data_type')),
      )
      const [count] = await session.query(`SELECT CAST(count(*) AS VARCHAR) AS n FROM ${inSource(name)}`)
      const typed = all.map((column) => ({
        name: text(column, 'column_name'),
        type: text(column, 'data_type'),
      }))
      await refuseNestedTimes(session, name, typed)
      const expressions = [...generated].map(([i, expression]) => {
        const column = all[i]
        return { table: name, column: column ? text(column, 'column_name') : '', expression }
      })
      relations.push({
        ...name,
        incomparable: volatileColumns(expressions, macros),
        columns: typed.map((column, i) => ({ ...column, stored: !generated.has(i) })),
        rows: BigInt(count ? text(count, 'n') : '0'),
        constraints: (constraints.get(tableKey(row)) ?? []).flatMap((constraint) =>
          readConstraint(constraint, name),
        ),
      })
    }
    return relations
  } catch (error) {
    throw sourceError(error, 'its catalog')
  }
}

/**
 * Complaints about what lies outside of the file, where no engine of ours looks, or about a sequence that a view advances
 * in a file that is only read: such a view may well work.
 */
const OUTSIDE =
  /^(Permission|IO|HTTP|Missing Extension) Error|extension|Catalog "[^"]*" does not exist|attached in read-only mode/

/** From here on an engine that looks at a view is kept from opening the files that the view names. */
const FIRST_CONFINED = '1.2.0'

/** A warning for each view of the database in use that the engine cannot use; they are kept as they are. */
export async function brokenViews(session: Session): Promise<string[]> {
  if (compareReleases(session.release, FIRST_CONFINED) < 0) return []
  const views = await session.query(
    'SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = current_database() AND NOT internal',
  )
  const database = await databaseInUse(session)
  const warnings = views.map(async (row): Promise<string[]> => {
    const view = { schema: text(row, 'schema_name'), name: text(row, 'view_name') }
    const found = await describeView(session, inDatabase(database, view))
    if (!('broken' in found) || OUTSIDE.test(found.broken)) return []
    const what = `view ${display(view)} is broken for DuckDB ${session.release} and is kept as it is`
    return [`${what}: ${found.broken}`]
  })
  return (await Promise.all(warnings)).flat()
}

function tableKey(row: Row): string {
  return `${text(row, 'schema_name')}\0${text(row, 'table_name')}`
}

/** Keys, and foreign keys that refer to the table itself: those on other tables need no more than the right order. */
function readConstraint(row: Row, table: ObjectName): Constraint[] {
  const columns = list(row, 'constraint_column_names')
  const kind = text(row, 'constraint_type')
  if (kind === 'PRIMARY KEY') return [{ kind: 'primary-key', columns }]
  if (kind === 'UNIQUE') return [{ kind: 'unique', columns }]
  const referenced = list(row, 'referenced_column_names')
  const own = kind === 'FOREIGN KEY' && text(row, 'constraint_text') === '' && referenced.length > 0
  return own ? [{ kind: 'foreign-key', columns, references: table, referenced }] : []
}

/** @throws DuckfleetError `unsupported`, naming the column. */
async function refuseNestedTimes(
  session: Session,
  table: ObjectName,
  columns: readonly TypedColumn[],
): Promise<void> {
  for (const { name, isOld } of nestedTimes(columns)) {
    const found = await session.query(`SELECT 1 AS found FROM ${inSource(table)} WHERE ${isOld} LIMIT 1`)
    if (found.length > 0)
      throw new DuckfleetError(
        'unsupported',
        `column ${display(table)}.${name} holds TIMETZ values inside of others that DuckDB 0.9 wrote, whose offsets every later ` +
          'release reads wrong: turn them into text, with the DuckDB that wrote the file',
      )
  }
}

/** The rows of a table of the source, with the values that the release meant that wrote them. */
export function rowsInSource(relation: Relation): string {
  return withTimes(inSource(relation), relation.columns)
}

export function inSource(name: ObjectName): string {
  return inDatabase(SOURCE, name)
}

/** A name in three parts: in two, a schema `temp` or `system` would be taken for the database of that name. */
export function inDatabase(database: string, { schema, name }: ObjectName): string {
  return `${ident(database)}.${qualified(schema, name)}`
}

/** Columns whose values are compared. */
export function comparedColumns(relation: Relation): Relation['columns'] {
  return relation.columns.filter(({ name }) => !relation.incomparable.has(columnKey(relation, name)))
}

/** A warning for each column that is not compared. */
export function notComparedOf(relations: readonly Relation[]): string[] {
  return relations.flatMap(({ incomparable }) => notCompared(incomparable))
}

/** What to digest of a table. */
export function relationTerms(relation: Relation): DigestTerm[] {
  return comparedColumns(relation).map(({ name, type }) => ({
    value: ident(name),
    type: parseSimpleType(type) ?? 'opaque',
  }))
}
