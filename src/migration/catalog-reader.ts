import type { Catalog, Column, Index, Sequence, Table, View, ViewColumn } from './catalog.js'
import { readCollations } from './collation.js'
import { flag, groupBy, list, optionalText, text } from './rows.js'
import { type Row, type Session, SqlError } from './session.js'
import { ident, qualified } from './sql.js'
import { splitIndex, splitView } from './statement-head.js'
import { type Fits, generatedExpressions, type KeyedTable, readConstraints } from './table-reader.js'
import { readUserTypes, TypeReader } from './type-reader.js'

/** A catalog whose views have not been tried yet: trying one may run what a stranger wrote. */
export type TableCatalog = Omit<Catalog, 'views' | 'macros'> & {
  /** Columns that are recorded in the file, of tables and views, by schema and name. */
  readonly recorded: ReadonlyMap<string, readonly Row[]>
  /** What could not be told for sure. */
  readonly warnings: readonly string[]
}

/** Reads the catalog of a file of 0.4 – 0.8, without macros. `folder`: where a small Parquet file may be written. */
export async function readCatalog(session: Session, folder: string): Promise<TableCatalog> {
  const where = inThisDatabase(session.release)
  const types = await readUserTypes(session, where, folder)
  const schemas = await session.query(
    `SELECT schema_name FROM duckdb_schemas() WHERE NOT internal ${where} ORDER BY oid`,
  )
  const recorded = groupBy(await readColumnRows(session, where), (row) => key(row, 'table_name'))
  const warnings: string[] = []
  return {
    schemas: schemas.map((row) => text(row, 'schema_name')),
    types,
    recorded,
    warnings,
    sequences: await readSequences(session, where),
    tables: await readTables(session, where, new TypeReader(session, types), recorded, (warning) =>
      warnings.push(warning),
    ),
    indexes: await readIndexes(session, where),
  }
}

/** From 0.7 on the catalog functions list every attached database. */
export function inThisDatabase(release: string): string {
  return /^0\.[4-6]\./.test(release) ? '' : 'AND database_name = current_database()'
}

async function readSequences(session: Session, where: string): Promise<Sequence[]> {
  const rows = await session.query(
    `SELECT schema_name, sequence_name, sql, CAST(min_value AS VARCHAR) AS "min", CAST(max_value AS VARCHAR) AS "max",
       CAST(increment_by AS VARCHAR) AS "by", cycle
     FROM duckdb_sequences() WHERE NOT "temporary" ${where} ORDER BY sequence_oid`,
  )
  return rows.map((row) => {
    const name = { schema: text(row, 'schema_name'), name: text(row, 'sequence_name') }
    const limits = {
      increment: text(row, 'by'),
      min: text(row, 'min'),
      max: text(row, 'max'),
      cycle: flag(row, 'cycle'),
    }
    // The statement that the engine prints starts where the sequence goes on; `start_value` ignores the WAL.
    const start = /\bSTART (-?\d+) (?:NO )?CYCLE;?\s*$/.exec(text(row, 'sql'))?.[1] ?? text(row, 'min')
    return { ...name, ...limits, next: nextValue(start, limits) }
  })
}

function nextValue(
  start: string,
  { min, max, cycle, increment }: Omit<Sequence, 'next' | 'schema' | 'name'>,
): Sequence['next'] {
  if (BigInt(start) >= BigInt(min) && BigInt(start) <= BigInt(max)) return start
  if (!cycle) return undefined
  return BigInt(increment) > 0n ? min : max
}

async function readIndexes(session: Session, where: string): Promise<Index[]> {
  const rows = await session.query(
    `SELECT schema_name, index_name, table_name, is_unique, sql FROM duckdb_indexes() WHERE NOT is_primary ${where} ORDER BY index_oid`,
  )
  return rows.map((row) => ({
    schema: text(row, 'schema_name'),
    name: text(row, 'index_name'),
    table: text(row, 'table_name'),
    unique: flag(row, 'is_unique'),
    definition: splitIndex(text(row, 'sql')).definition,
  }))
}

async function readTables(
  session: Session,
  where: string,
  types: TypeReader,
  columns: TableCatalog['recorded'],
  warn: (text: string) => void,
): Promise<Table[]> {
  const tables = await session.query(
    `SELECT schema_name, table_name, sql FROM duckdb_tables() WHERE NOT internal AND NOT "temporary" ${where} ORDER BY table_oid`,
  )
  const constraints = groupBy(
    await session.query(
      `SELECT schema_name, table_name, constraint_type AS "type", constraint_text AS definition, expression,
         constraint_column_names AS columns
       FROM duckdb_constraints() WHERE 1 = 1 ${where}`,
    ),
    (row) => key(row, 'table_name'),
  )
  const keyed: KeyedTable[] = []
  for (const row of tables) {
    const name = key(row, 'table_name')
    const keys = (constraints.get(name) ?? []).filter((c) =>
      ['PRIMARY KEY', 'UNIQUE'].includes(text(c, 'type')),
    )
    keyed.push({
      schema: text(row, 'schema_name'),
      name: text(row, 'table_name'),
      columns: await readColumns(session, row, columns.get(name) ?? [], types),
      keys: keys.map((c) => list(c, 'columns')),
    })
  }
  const fits =
    (table: KeyedTable): Fits =>
    (columns, { referenced }) =>
      hasParents(session, table, columns, referenced)
  const complete: Table[] = []
  for (const { keys, ...table } of keyed) {
    const rows = constraints.get(`${table.schema}\0${table.name}`) ?? []
    const own = { ...table, keys }
    complete.push({ ...table, constraints: await readConstraints(rows, own, keyed, fits(own), warn) })
  }
  return complete
}

/** Does every row of a table that refers to itself find its parent by these columns? */
async function hasParents(
  session: Session,
  { schema, name }: KeyedTable,
  columns: readonly string[],
  referenced: readonly string[],
): Promise<boolean> {
  const relation = qualified(schema, name)
  const present = columns.map((column) => `c.${ident(column)} IS NOT NULL`)
  const equal = columns.map((column, i) => `p.${ident(referenced[i] ?? '')} = c.${ident(column)}`)
  const rows = await session.query(
    `SELECT 1 AS orphan FROM ${relation} c LEFT JOIN ${relation} p ON ${equal.join(' AND ')}
     WHERE ${present.join(' AND ')} AND p.${ident(referenced[0] ?? '')} IS NULL LIMIT 1`,
  )
  return rows.length === 0
}

function key(row: Row, name: string): string {
  return `${text(row, 'schema_name')}\0${text(row, name)}`
}

/** Columns of tables and of views, in order. */
async function readColumnRows(session: Session, where: string): Promise<readonly Row[]> {
  return session.query(
    `SELECT schema_name, table_name, column_name, column_default, is_nullable, data_type
     FROM duckdb_columns() WHERE NOT internal ${where} ORDER BY table_oid, column_index`,
  )
}

async function readColumns(
  session: Session,
  table: Row,
  rows: readonly Row[],
  types: TypeReader,
): Promise<Column[]> {
  const relation = qualified(text(table, 'schema_name'), text(table, 'table_name'))
  const generated = generatedExpressions(
    optionalText(table, 'sql') ?? '',
    rows.map((row) => text(row, 'data_type')),
  )
  const collations = await readCollations(session, relation, rows)
  const columns: Column[] = []
  for (const [position, row] of rows.entries()) {
    const name = text(row, 'column_name')
    columns.push({
      name,
      type: await types.read(text(row, 'data_type'), { expression: ident(name), relation }),
      nullable: flag(row, 'is_nullable'),
      default: optionalText(row, 'column_default'),
      generated: generated.get(position),
      collation: collations.get(name),
    })
  }
  return columns
}

/** Reads the views, and tries each of them. */
export async function readViews(
  session: Session,
  { recorded }: Pick<TableCatalog, 'recorded'>,
): Promise<View[]> {
  const where = inThisDatabase(session.release)
  const rows = await session.query(
    `SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal AND NOT "temporary" ${where} ORDER BY view_oid`,
  )
  const views: View[] = []
  for (const row of rows) {
    const name = { schema: text(row, 'schema_name'), name: text(row, 'view_name') }
    views.push({
      ...name,
      ...splitView(text(row, 'sql')),
      columns: await describeView(session, qualified(name.schema, name.name)),
      recorded: (recorded.get(key(row, 'view_name')) ?? []).map((column) => ({
        name: text(column, 'column_name'),
        type: text(column, 'data_type'),
      })),
    })
  }
  return views
}

/** The columns that an engine gives for a view, or why it cannot use it. Reads no row. */
export async function describeView(
  session: Session,
  view: string,
): Promise<readonly ViewColumn[] | { readonly broken: string }> {
  try {
    const rows = await session.query(`DESCRIBE SELECT * FROM ${view}`)
    return rows.map((row) => ({ name: text(row, 'column_name'), type: text(row, 'column_type') }))
  } catch (error) {
    if (error instanceof SqlError) return { broken: error.message }
    throw error
  }
}
