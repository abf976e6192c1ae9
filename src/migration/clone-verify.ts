import { display } from './catalog/catalog.js'
import { type CatalogRows, compareCatalogRows, readCatalogRows } from './verify/catalog-rows.js'
import { compareRelations } from './verify/compare.js'
import { digestQuery } from './rows/digest.js'
import { checkLookups, type Lookup, plainColumns } from './verify/lookups.js'
import { hasTimes, isOld } from './old-times.js'
import type { Engines } from './ports.js'
import {
  attachSource,
  brokenViews,
  comparedColumns,
  databaseInUse,
  inDatabase,
  inSource,
  readRelations,
  type Relation,
  relationTerms,
  rowsInSource,
  SOURCE,
  sourceMacros,
  usingSource,
} from './relations.js'
import { text } from './sql/row.js'
import type { Session } from './sql/session.js'
import { refuseShadows } from './catalog/shadows.js'
import { splitIndex } from './sql/statement-head.js'
import { sourceError } from './transfer-errors.js'
import type { UpgradeResult, VerifyLevel } from './upgrade.js'

/** Compares both files in one engine, object by object and table by table. */
export async function verifyClone(engines: Engines, level: VerifyLevel): Promise<readonly Relation[]> {
  const target = await engines.openTarget()
  try {
    await attachSource(target, engines)
    const database = await databaseInUse(target)
    const macros = await sourceMacros(target)
    refuseShadows(macros)
    const relations = await usingSource(target, () => readRelations(target, macros))
    engines.expectRows(relations.reduce((sum, { rows }) => sum + rows, 0n))
    const wanted = await usingSource(target, () => readBound(target))
    compareCatalogRows(wanted, await readBound(target))
    for (const relation of relations) await compareRelation(target, database, relation, level)
    if (level === 'full') await checkLookups(target, await lookups(target, relations))
    return relations
  } finally {
    await target.close()
  }
}

/** The catalog once every view was looked at: until then an engine lists the columns that a view had when it was made. */
async function readBound(session: Session): Promise<CatalogRows> {
  await brokenViews(session)
  return await readCatalogRows(session, { macros: true })
}

async function compareRelation(
  target: Session,
  database: string,
  relation: Relation,
  level: VerifyLevel,
): Promise<void> {
  const terms = level === 'full' ? relationTerms(relation) : []
  await compareRelations(
    target,
    display(relation),
    terms.length > 0 ? comparedColumns(relation).map(({ name }) => name) : [],
    { name: 'source', relation: rowsInSource(relation), terms, chained: false },
    { name: 'new file', relation: inDatabase(database, relation), terms, chained: false },
  )
}

async function lookups(target: Session, relations: readonly Relation[]): Promise<Lookup[]> {
  const keys = relations.flatMap((table) =>
    table.constraints.flatMap((c): Lookup[] => {
      if (c.kind !== 'primary-key' && c.kind !== 'unique') return []
      return [
        {
          what: `a key of table ${display(table)}`,
          table,
          columns: table.columns.filter(({ name }) => c.columns.includes(name)),
        },
      ]
    }),
  )
  const rows = await target.query(
    `SELECT schema_name, table_name, index_name, sql FROM duckdb_indexes() WHERE database_name = current_database()`,
  )
  const indexes = rows.flatMap((row): Lookup[] => {
    const table = relations.find(
      (r) => r.schema === text(row, 'schema_name') && r.name === text(row, 'table_name'),
    )
    const columns = table && plainColumns(splitIndex(text(row, 'sql')).definition, table.columns)
    return table && columns
      ? [{ what: `index ${text(row, 'schema_name')}.${text(row, 'index_name')}`, table, columns }]
      : []
  })
  return [...keys, ...indexes]
}

async function holdsOldTimes(target: Session, relations: readonly Relation[]): Promise<boolean> {
  for (const relation of relations.filter(({ columns }) => hasTimes(columns))) {
    const where = isOld(relation.columns)
    const found = await target.query(`SELECT 1 AS found FROM ${inSource(relation)} WHERE ${where} LIMIT 1`)
    if (found.length > 0) return true
  }
  return false
}

type Checked = Pick<UpgradeResult, 'tables' | 'rows' | 'indexes' | 'warnings' | 'outdated'>

/** Proves that a file is a sound database of a release that this engine reads: every value of it is read. */
export async function readThrough(engines: Engines, level: VerifyLevel): Promise<Checked> {
  // Beside an empty file: some engines attach nothing once they are locked, as a reference is.
  const target = await engines.createTarget()
  try {
    await attachSource(target, engines)
    await target.lock()
    return await usingSource(target, () => readAll(target, engines, level))
  } catch (error) {
    throw sourceError(error, 'the file')
  } finally {
    await target.close()
  }
}

async function readAll(target: Session, engines: Engines, level: VerifyLevel): Promise<Checked> {
  const relations = await readRelations(target, await sourceMacros(target))
  const rows = relations.reduce((sum, relation) => sum + relation.rows, 0n)
  engines.expectRows(rows)
  for (const relation of level === 'full' ? relations : [])
    await target.query(digestQuery(inSource(relation), relationTerms(relation), false))
  const indexes = await target.query(
    `SELECT index_name FROM duckdb_indexes() WHERE database_name = '${SOURCE}'`,
  )
  const warnings = await brokenViews(target)
  const outdated = await holdsOldTimes(target, relations)
  return { tables: relations.length, rows: Number(rows), indexes: indexes.length, warnings, outdated }
}
