import { type Constraint, display, type ObjectName } from './catalog.js'
import { compareCatalogRows, readCatalogRows } from './catalog-rows.js'
import { compareDigests, type Digest, toDigest } from './compare.js'
import { names } from './ddl.js'
import { digestQuery } from './digest.js'
import { type Load, loadTable } from './load.js'
import { checkLookups, type Lookup, plainColumns, type TypedColumn } from './lookups.js'
import type { Database, Engines, Hooks } from './ports.js'
import { groupBy, list, text } from './rows.js'
import { type Row, type Session, SqlError } from './session.js'
import { ident, literal, qualified } from './sql.js'
import { splitIndex } from './statement-head.js'
import type { Stopwatch } from './stopwatch.js'
import { generatedExpressions } from './table-reader.js'
import type { Step } from './transfer.js'
import { sourceError, targetError } from './transfer-errors.js'
import { parseSimpleType } from './types.js'
import type { UpgradeResult, VerifyLevel } from './upgrade.js'

/** Under which name the source is attached beside the new file. */
const SOURCE = 'duckfleet_source'

interface Relation {
  readonly schema: string
  readonly name: string
  readonly columns: readonly (TypedColumn & { readonly stored: boolean })[]
  readonly rows: bigint
  readonly constraints: readonly Constraint[]
}

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
  try {
    await attachSource(target, engines)
    relations = await watch.time('export', () => readRelations(target))
    engines.expectRows(relations.reduce((sum, { rows }) => sum + rows, 0n))
    indexes = await watch.time('import', () => copyAll(target, relations))
  } finally {
    await target.close()
  }
  await hooks.imported?.()
  if (level !== 'none') await watch.time('verify', () => verifyClone(engines, relations, level))
  const rows = relations.reduce((sum, relation) => sum + relation.rows, 0n)
  return { tables: relations.length, rows: Number(rows), indexes: indexes.length, warnings: [] }
}

async function attachSource(session: Session, engines: Engines): Promise<void> {
  try {
    await session.query(`ATTACH ${literal(engines.sourcePath)} AS ${SOURCE} (READ_ONLY)`)
  } catch (error) {
    throw sourceError(error, 'the file')
  }
}

/** Tables of the source, in the order in which they were made. */
async function readRelations(session: Session): Promise<Relation[]> {
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
      const generated = generatedExpressions(text(row, 'sql'), all.length)
      const [count] = await session.query(`SELECT CAST(count(*) AS VARCHAR) AS n FROM ${inSource(name)}`)
      relations.push({
        ...name,
        columns: all.map((column, i) => ({ name: text(column, 'column_name'), type: text(column, 'data_type'), stored: !generated.has(i) })),
        rows: BigInt(count ? text(count, 'n') : '0'),
        constraints: (constraints.get(tableKey(row)) ?? []).flatMap((constraint) => readConstraint(constraint, name)),
      })
    }
    return relations
  } catch (error) {
    throw sourceError(error, 'its catalog')
  }
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

function inSource({ schema, name }: ObjectName): string {
  return `${ident(SOURCE)}.${qualified(schema, name)}`
}

/** Copies objects, then rows; gives the statements of the secondary indexes, which are built last. */
async function copyAll(target: Database, relations: readonly Relation[]): Promise<readonly string[]> {
  try {
    const [row] = await target.query('SELECT current_database() AS name')
    const database = ident(row ? text(row, 'name') : '')
    await target.query(`COPY FROM DATABASE ${ident(SOURCE)} TO ${database} (SCHEMA)`)
    const indexes = await target.query(
      `SELECT schema_name, index_name, sql FROM duckdb_indexes() WHERE database_name = current_database() ORDER BY index_oid`,
    )
    for (const index of indexes) await target.query(`DROP INDEX ${qualified(text(index, 'schema_name'), text(index, 'index_name'))}`)
    await copyRows(target, relations)
    for (const index of indexes) await target.query(text(index, 'sql'))
    await target.query(`CHECKPOINT ${database}`)
    return indexes.map((index) => text(index, 'sql'))
  } catch (error) {
    throw targetError(error, 'the new file')
  }
}

/** Parents before children: whatever is refused for a missing parent is tried again after the others. */
async function copyRows(target: Database, relations: readonly Relation[]): Promise<void> {
  let waiting = relations.filter(({ rows }) => rows > 0n)
  while (waiting.length > 0) {
    const refused: Relation[] = []
    let complaint: unknown
    for (const relation of waiting) {
      try {
        await loadTable(target, loadOf(relation))
      } catch (error) {
        if (!(error instanceof SqlError) || !/foreign key/i.test(error.message)) throw targetError(error, `table ${display(relation)}`)
        refused.push(relation)
        complaint = error
      }
    }
    if (refused.length === waiting.length) throw targetError(complaint, `table ${waiting.map(display).join(', ')}`)
    waiting = refused
  }
}

function loadOf(relation: Relation): Load {
  const columns = relation.columns.filter(({ stored }) => stored).map(({ name }) => name)
  const rows = `SELECT ${names(columns)} FROM ${inSource(relation)}`
  return { table: relation, into: qualified(relation.schema, relation.name), columns, rows, constraints: relation.constraints }
}

/** Compares both files in one engine, object by object and table by table. */
async function verifyClone(engines: Engines, relations: readonly Relation[], level: VerifyLevel): Promise<void> {
  const target = await engines.openTarget()
  try {
    await attachSource(target, engines)
    compareCatalogRows(await readCatalogRows(target, SOURCE), await readCatalogRows(target))
    for (const relation of relations) await compareRelation(target, relation, level)
    if (level === 'full') await checkLookups(target, await lookups(target, relations))
  } finally {
    await target.close()
  }
}

async function compareRelation(target: Session, relation: Relation, level: VerifyLevel): Promise<void> {
  const terms = relation.columns.map(({ name, type }) => ({ value: ident(name), type: parseSimpleType(type) ?? ('opaque' as const) }))
  const query = (of: string): string => digestQuery(of, level === 'full' ? terms : [])
  const digest = async (of: string): Promise<Digest> => toDigest((await target.query(query(of)))[0], level === 'full' ? terms.length : 0)
  const columns = relation.columns.map(({ name }) => name)
  const sides = { table: display(relation), columns, left: 'source', right: 'new file' }
  compareDigests(await digest(inSource(relation)), await digest(qualified(relation.schema, relation.name)), sides, true)
}

async function lookups(target: Session, relations: readonly Relation[]): Promise<Lookup[]> {
  const keys = relations.flatMap((table) =>
    table.constraints.flatMap((c): Lookup[] => {
      if (c.kind !== 'primary-key' && c.kind !== 'unique') return []
      return [{ what: `a key of table ${display(table)}`, table, columns: table.columns.filter(({ name }) => c.columns.includes(name)) }]
    }),
  )
  const rows = await target.query(`SELECT schema_name, table_name, index_name, sql FROM duckdb_indexes() WHERE database_name = current_database()`)
  const indexes = rows.flatMap((row): Lookup[] => {
    const table = relations.find((r) => r.schema === text(row, 'schema_name') && r.name === text(row, 'table_name'))
    const columns = table && plainColumns(splitIndex(text(row, 'sql')).definition, table.columns)
    return table && columns ? [{ what: `index ${text(row, 'schema_name')}.${text(row, 'index_name')}`, table, columns }] : []
  })
  return [...keys, ...indexes]
}

/** Proves that a file is a sound database of a release that this engine reads: every value of it is read. */
export async function readThrough(engines: Engines, level: VerifyLevel): Promise<Pick<UpgradeResult, 'tables' | 'rows' | 'indexes' | 'warnings'>> {
  const target = await engines.openReference()
  try {
    await attachSource(target, engines)
    const relations = await readRelations(target)
    const rows = relations.reduce((sum, relation) => sum + relation.rows, 0n)
    engines.expectRows(rows)
    for (const relation of level === 'full' ? relations : []) {
      const terms = relation.columns.map(({ name, type }) => ({ value: ident(name), type: parseSimpleType(type) ?? ('opaque' as const) }))
      await target.query(digestQuery(inSource(relation), terms))
    }
    const indexes = await target.query(`SELECT index_name FROM duckdb_indexes() WHERE database_name = '${SOURCE}'`)
    return { tables: relations.length, rows: Number(rows), indexes: indexes.length, warnings: [] }
  } catch (error) {
    throw sourceError(error, 'the file')
  } finally {
    await target.close()
  }
}
