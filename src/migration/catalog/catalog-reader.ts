import type {
  Catalog,
  Column,
  Divisions,
  Index,
  Macro,
  Sequence,
  Table,
  View,
  ViewColumn,
} from './catalog.js'
import { readCollations } from './collation.js'
import { readColumnRows } from './column-rows.js'
import { callMacro } from './macro-call.js'
import { flag, groupBy, list, optionalText, text } from '../sql/row.js'
import { type Row, type Session, SqlError } from '../sql/session.js'
import { refuseEngineNames } from './shadows.js'
import { ident, qualified } from '../sql/sql.js'
import { splitIndex, splitView } from '../sql/statement-head.js'
import { type Fits, generatedExpressions, type KeyedTable, readConstraints } from './table-reader.js'
import { readUserTypes, TypeReader } from './type-reader.js'

/** A catalog whose views have not been tried yet: trying one may run what a stranger wrote. */
export type TableCatalog = Omit<Catalog, 'views' | 'macros' | 'database'> & {
  /** The views as the file holds them. */
  readonly viewRows: readonly Row[]
  /** Columns that are recorded in the file, of tables and views, by schema and name. */
  readonly recorded: ReadonlyMap<string, readonly Row[]>
  /** What could not be told for sure. */
  readonly warnings: readonly string[]
  /** True when something could only be told by looking at rows: another file of the same objects may differ in it. */
  readonly toldByRows: boolean
}

export type SourceCatalog = TableCatalog &
  Pick<Catalog, 'macros'> & {
    /** What is known of the divisions in it. */
    readonly divisions: Divisions
  }

/** Reads the catalog of a file of 0.4 – 0.8, without macros. `folder`: where a small Parquet file may be written. */
export async function readCatalog(session: Session, folder: string): Promise<TableCatalog> {
  const where = inThisDatabase(session.release)
  // Sent together: the engine answers in this order, and need not wait for the next question.
  const [types, schemas, tables, viewRows, constraints, sequences, indexes] = await Promise.all([
    readUserTypes(session, where, folder),
    session.query(`SELECT schema_name FROM duckdb_schemas() WHERE NOT internal ${where} ORDER BY oid`),
    session.query(
      `SELECT schema_name, table_name, sql FROM duckdb_tables() WHERE NOT internal AND NOT "temporary" ${where} ORDER BY table_oid`,
    ),
    session.query(
      `SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal AND NOT "temporary" ${where} ORDER BY view_oid`,
    ),
    session.query(
      `SELECT schema_name, table_name, constraint_type AS "type", constraint_text AS definition, expression,
         constraint_column_names AS columns
       FROM duckdb_constraints() WHERE 1 = 1 ${where}`,
    ),
    readSequences(session, where),
    readIndexes(session, where),
  ])
  const schemaNames = schemas.map((row) => text(row, 'schema_name'))
  refuseEngineNames(
    schemaNames,
    tables.map((row) => ({ schema: text(row, 'schema_name'), name: text(row, 'table_name') })),
  )
  const recorded = await readColumnRows(session, where, [
    ...tables.map((row) => key(row, 'table_name')),
    ...viewRows.map((row) => key(row, 'view_name')),
  ])
  const warnings: string[] = []
  let toldByRows = false
  const completeTables = await readTables(
    session,
    { tables, constraints, columns: recorded },
    new TypeReader(session, types),
    {
      warn: (warning) => warnings.push(warning),
      hasParents: (...reference) => {
        toldByRows = true
        return hasParents(session, ...reference)
      },
    },
  )
  return {
    schemas: schemaNames,
    types,
    viewRows,
    recorded,
    warnings,
    toldByRows,
    sequences,
    tables: completeTables,
    indexes,
  }
}

/** The columns of the tables and views of a catalog, read anew. */
export function readRecorded(
  session: Session,
  { recorded }: TableCatalog,
): Promise<TableCatalog['recorded']> {
  return readColumnRows(session, inThisDatabase(session.release), [...recorded.keys()])
}

/** From 0.7 on the catalog functions list every attached database. */
export function inThisDatabase(release: string): string {
  return /^0\.[4-6]\./.test(release) ? '' : 'AND database_name = current_database()'
}

/** `where`: see {@link inThisDatabase}. */
export async function readSequences(
  session: Session,
  where = inThisDatabase(session.release),
): Promise<Sequence[]> {
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

interface TableRows {
  readonly tables: readonly Row[]
  readonly constraints: readonly Row[]
  readonly columns: TableCatalog['recorded']
}

/** Who is asked where the catalog leaves something open. */
interface Judges {
  readonly warn: (text: string) => void
  readonly hasParents: (
    table: KeyedTable,
    columns: readonly string[],
    referenced: readonly string[],
  ) => Promise<boolean>
}

async function readTables(
  session: Session,
  rows: TableRows,
  types: TypeReader,
  { warn, hasParents }: Judges,
): Promise<Table[]> {
  const { tables, columns } = rows
  const constraints = groupBy(rows.constraints, (row) => key(row, 'table_name'))
  const generated = tables.map((row) => generatedIn(row, columns.get(key(row, 'table_name')) ?? []))
  const collations = await Promise.all(
    tables.map((row, i) => {
      // A generated column has none of its own, and may be one that this engine cannot compute.
      const stored = (columns.get(key(row, 'table_name')) ?? []).filter((_, c) => !generated[i]?.has(c))
      return readCollations(session, relationOf(row), stored)
    }),
  )
  const keyed: KeyedTable[] = []
  for (const [i, row] of tables.entries()) {
    const name = key(row, 'table_name')
    const keys = (constraints.get(name) ?? []).filter((c) =>
      ['PRIMARY KEY', 'UNIQUE'].includes(text(c, 'type')),
    )
    keyed.push({
      schema: text(row, 'schema_name'),
      name: text(row, 'table_name'),
      columns: await readColumns(row, columns.get(name) ?? [], types, {
        collations: collations[i] ?? new Map(),
        generated: generated[i] ?? new Map(),
      }),
      keys: keys.map((c) => list(c, 'columns')),
    })
  }
  const fits =
    (table: KeyedTable): Fits =>
    (columns, { referenced }) =>
      hasParents(table, columns, referenced)
  const complete: Table[] = []
  for (const { keys, ...table } of keyed) {
    const found = constraints.get(`${table.schema}\0${table.name}`) ?? []
    const own = { ...table, keys }
    complete.push({ ...table, constraints: await readConstraints(found, own, keyed, fits(own), warn) })
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

function relationOf(table: Row): string {
  return qualified(text(table, 'schema_name'), text(table, 'table_name'))
}

interface ColumnFacts {
  /** By name. */
  readonly collations: ReadonlyMap<string, string>
  /** Expressions by position. */
  readonly generated: ReadonlyMap<number, string>
}

function generatedIn(table: Row, columns: readonly Row[]): ReadonlyMap<number, string> {
  return generatedExpressions(
    optionalText(table, 'sql') ?? '',
    columns.map((row) => text(row, 'data_type')),
  )
}

async function readColumns(
  table: Row,
  rows: readonly Row[],
  types: TypeReader,
  { collations, generated }: ColumnFacts,
): Promise<Column[]> {
  const relation = relationOf(table)
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
  { recorded, viewRows }: Pick<TableCatalog, 'recorded' | 'viewRows'>,
): Promise<View[]> {
  const read = async (row: Row): Promise<View> => {
    const name = { schema: text(row, 'schema_name'), name: text(row, 'view_name') }
    return {
      ...name,
      ...splitView(text(row, 'sql')),
      columns: await describeView(session, qualified(name.schema, name.name)),
      recorded: (recorded.get(key(row, 'view_name')) ?? []).map((column) => ({
        name: text(column, 'column_name'),
        type: text(column, 'data_type'),
      })),
    }
  }
  return Promise.all(viewRows.map(read))
}

/** What an engine says of something that is not there, or not any more, or outside of the file. */
const MISSING =
  /ERR_ACCESS_DENIED|does not exist|not found|is not in the catalog|does not have a column|columns? available but|were altered|FROM clause is missing|positional argument|^(Permission|IO|HTTP|Missing Extension) Error/

/** The macros, each with why it cannot be used if something that it names is missing. Binds them, and reads no row. */
export function tryMacros(session: Session, macros: readonly Macro[]): Promise<Macro[]> {
  return Promise.all(
    macros.map(async (macro) => {
      const broken = await complaintAbout(session, macro)
      return broken === undefined ? macro : { ...macro, broken }
    }),
  )
}

async function complaintAbout(session: Session, macro: Macro): Promise<string | undefined> {
  try {
    await session.query(`EXPLAIN ${callMacro(macro)}`)
    return undefined
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    // Others may come from the arguments, which are NULL.
    return MISSING.test(error.message) ? error.message : undefined
  }
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
