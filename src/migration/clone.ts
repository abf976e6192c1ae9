import { DuckfleetError } from '../errors.js'
import { display, type Macro } from './catalog/catalog.js'
import { verifyClone } from './clone-verify.js'
import { names } from './schema/ddl.js'
import { type Load, loadTable } from './rows/load.js'
import type { Database, Engines, Hooks } from './ports.js'
import {
  attachSource,
  brokenViews,
  databaseInUse,
  inDatabase,
  notComparedOf,
  readRelations,
  type Relation,
  rowsInSource,
  SOURCE,
  sourceMacros,
  usingSource,
} from './relations.js'
import { optionalText, text } from './sql/row.js'
import { type Row, SqlError } from './sql/session.js'
import { refuseShadows } from './catalog/shadows.js'
import { ident, isSymbol, isWord, literal, tokenize } from './sql/sql.js'
import type { Stopwatch } from './stopwatch.js'
import type { Step } from './transfer.js'
import { targetError } from './transfer-errors.js'
import type { UpgradeResult, VerifyLevel } from './upgrade.js'

/**
 * Copies a database of 0.9 or later into a new file, in one engine that opens both: the engine copies the objects,
 * this project the rows (COPY FROM DATABASE fails on any populated foreign key, duckdb#16785).
 */
export async function clone(
  engines: Engines,
  level: VerifyLevel,
  watch: Stopwatch<Step>,
  hooks: Hooks = {},
): Promise<Pick<UpgradeResult, 'tables' | 'rows' | 'indexes' | 'warnings'>> {
  const target = await engines.createTarget()
  let relations: readonly Relation[] = []
  let indexes: readonly string[] = []
  let warnings: readonly string[] = []
  try {
    await attachSource(target, engines)
    const macros = await sourceMacros(target)
    refuseShadows(macros)
    await watch.time('export', () =>
      usingSource(target, async () => {
        relations = await readRelations(target, macros)
        warnings = [...(await brokenViews(target)), ...notComparedOf(relations)]
      }),
    )
    engines.expectRows(relations.reduce((sum, { rows }) => sum + rows, 0n))
    indexes = await watch.time('import', () => copyAll(target, relations, macros))
  } finally {
    await target.close()
  }
  await hooks.imported?.()
  if (level !== 'none') await watch.time('verify', () => verifyClone(engines, level))
  const rows = relations.reduce((sum, relation) => sum + relation.rows, 0n)
  return { tables: relations.length, rows: Number(rows), indexes: indexes.length, warnings }
}

/** Copies objects, then rows; gives the statements of the secondary indexes, which are built last. */
async function copyAll(
  target: Database,
  relations: readonly Relation[],
  macros: readonly Macro[],
): Promise<readonly string[]> {
  try {
    const database = await databaseInUse(target)
    await copyObjects(target, database, macros)
    const indexes = await target.query(
      `SELECT * FROM duckdb_indexes() WHERE database_name = current_database() ORDER BY index_oid`,
    )
    for (const index of indexes) await target.query(`DROP INDEX ${indexName(index, database)}`)
    await copyRows(target, database, relations)
    for (const index of indexes) await buildIndex(target, database, index)
    await target.query(`CHECKPOINT ${ident(database)}`)
    return indexes.map((index) => text(index, 'sql'))
  } catch (error) {
    throw lostType(error) ?? ownName(error) ?? goneCompression(error) ?? targetError(error, 'the new file')
  }
}

/** COPY FROM DATABASE makes types in the order of their names, and breaks where one needs a later one. */
function lostType(error: unknown): DuckfleetError | undefined {
  const [, type] =
    (error instanceof Error && /Couldn't locate entry: '(.+)\(Type\)'/.exec(error.message)) || []
  if (type === undefined) return undefined
  return new DuckfleetError(
    'unsupported',
    `type ${type} cannot be copied into a new file: another type that is made of it has a name that comes before its ` +
      'own, and DuckDB makes types in the order of their names (a fault of its COPY FROM DATABASE). Without another ' +
      '--storage-version, and once its .wal is checkpointed, the file is taken as it is; or rename the type',
    { cause: error },
  )
}

/** An expression that says in which database its sequence or macro is, by the name that its file had. */
function ownName(error: unknown): DuckfleetError | undefined {
  const [, name] = (error instanceof Error && /Catalog "([^"]+)" does not exist/.exec(error.message)) || []
  if (name === undefined) return undefined
  return new DuckfleetError(
    'unsupported',
    `a DEFAULT, CHECK or generated column names a database, ${name}, which is not at hand while a new file is written: leave ` +
      `the name out (main.q instead of ${name}.main.q), with the DuckDB that wrote the file`,
    { cause: error },
  )
}

/** A compression that somebody asked for, and that the engine reads and no longer writes. */
function goneCompression(error: unknown): DuckfleetError | undefined {
  const [, name] =
    (error instanceof Error && /user-provided compression type '(\w+)'/.exec(error.message)) || []
  if (name === undefined) return undefined
  return new DuckfleetError(
    'unsupported',
    `a column was made with USING COMPRESSION ${name}, which the target does not write in this storage version. Without ` +
      'another --storage-version, and once its .wal is checkpointed, the file is taken as it is; or copy the table to one ' +
      'without it (CREATE TABLE … AS), with the DuckDB that wrote the file',
    { cause: error },
  )
}

/**
 * The engine copies tables before macros, but binds what their CHECKs, DEFAULTs and generated columns call: so it is shown
 * the source's macros where some are missing. What is copied names no database, and finds its own macros afterwards.
 */
async function copyObjects(target: Database, database: string, macros: readonly Macro[]): Promise<void> {
  const copy = `COPY FROM DATABASE ${ident(SOURCE)} TO ${ident(database)} (SCHEMA)`
  try {
    await target.query(copy)
  } catch (error) {
    if (!(error instanceof SqlError) || macros.length === 0) throw error
    const schemas = new Set(['main', ...macros.map(({ schema }) => schema)])
    const path = [
      `${ident(database)}.main`,
      ...[...schemas].map((schema) => `${ident(SOURCE)}.${ident(schema)}`),
    ]
    await target.query(`SET search_path = ${literal(path.join(','))}`)
    await target.query(copy)
    await target.query(`USE ${ident(database)}.main`)
  }
}

async function buildIndex(target: Database, database: string, index: Row): Promise<void> {
  const table = { schema: text(index, 'schema_name'), name: text(index, 'table_name') }
  await target.query(indexOn(text(index, 'sql'), inDatabase(database, table)))
  const comment = optionalText(index, 'comment')
  if (comment !== undefined)
    await target.query(`COMMENT ON INDEX ${indexName(index, database)} IS ${literal(comment)}`)
}

function indexName(index: Row, database: string): string {
  return inDatabase(database, { schema: text(index, 'schema_name'), name: text(index, 'index_name') })
}

/** The same statement with another name for its table. */
function indexOn(sql: string, table: string): string {
  const tokens = tokenize(sql)
  const on = tokens.findIndex((token, i) => i > 0 && isWord(token, 'ON'))
  const next = tokens.find((token, i) => i > on && (isSymbol(token, '(') || isWord(token, 'USING')))
  return `${sql.slice(0, tokens[on]?.end)} ${table} ${sql.slice(next?.start)}`
}

/** Parents before children: whatever is refused for a missing parent is tried again after the others. */
async function copyRows(target: Database, database: string, relations: readonly Relation[]): Promise<void> {
  let waiting = relations.filter(({ rows }) => rows > 0n)
  while (waiting.length > 0) {
    const refused: Relation[] = []
    let complaint: unknown
    for (const relation of waiting) {
      try {
        await loadTable(target, loadOf(relation, database))
      } catch (error) {
        if (!(error instanceof SqlError) || !/foreign key/i.test(error.message))
          throw targetError(error, `table ${display(relation)}`)
        refused.push(relation)
        complaint = error
      }
    }
    if (refused.length === waiting.length)
      throw targetError(complaint, `table ${waiting.map(display).join(', ')}`)
    waiting = refused
  }
}

function loadOf(relation: Relation, database: string): Load {
  const columns = relation.columns.filter(({ stored }) => stored).map(({ name }) => name)
  const rows = `SELECT ${names(columns)} FROM ${rowsInSource(relation)}`
  return {
    table: relation,
    into: inDatabase(database, relation),
    columns,
    rows,
    constraints: relation.constraints,
  }
}
