import { DuckfleetError } from '../errors.js'
import { type Catalog, display, type Macro } from './catalog.js'
import { readCatalog, readViews, type TableCatalog } from './catalog-reader.js'
import { type CatalogRows, readCatalogRows } from './catalog-rows.js'
import { exportTables, type TableExport } from './export.js'
import { loadTable } from './load.js'
import { decodedRows, planTransfer, relation, type TransferPlan } from './plan.js'
import type { Database, Engines, Hooks } from './ports.js'
import { text } from './rows.js'
import { buildSchema, type SchemaScript } from './schema-script.js'
import { exportMacros, listMacros, readPlainMacros } from './scratch.js'
import type { Stopwatch } from './stopwatch.js'
import { sourceError, targetError } from './transfer-errors.js'
import { hasMapKeys } from './type-reader.js'
import type { VerifyLevel } from './upgrade.js'
import { verifyTarget } from './verify-target.js'
import { refuseTornWal } from './wal.js'

export type Step = 'export' | 'import' | 'verify'

/** What was moved. */
export interface Outcome {
  readonly catalog: Pick<Catalog, 'tables' | 'indexes'>
  readonly rows: number
  readonly warnings: readonly string[]
}

/** The source, read but for its rows. */
interface Source {
  readonly database: Database
  readonly catalog: Omit<Catalog, 'views'>
  readonly plan: TransferPlan
  /** Rows of each table of the plan, in its order. */
  readonly counts: readonly bigint[]
}

/** The statements for the target, and the catalog that they give there. */
interface Schema {
  readonly catalog: Catalog
  readonly script: SchemaScript
  readonly reference: CatalogRows
}

/**
 * Moves a database of 0.4 – 0.8 into a new file of the target release, through Parquet files. The source engine
 * exports a table while the target engine loads the one before; then it compares its tables with the files while
 * the target engine builds indexes.
 * @throws DuckfleetError, see {@link UpgradeFile}.
 */
export async function transfer(engines: Engines, level: VerifyLevel, watch: Stopwatch<Step>, hooks: Hooks = {}): Promise<Outcome> {
  const source = await readSource(engines)
  const rows = source.counts.reduce((sum, count) => sum + count, 0n)
  engines.expectRows(rows)
  const exports = exportTables(engines, source.database, source.plan, source.counts, level === 'full', hooks)
  const exported = watch.time('export', () => exports.written)
  const schema = readSchema(engines, source, exported)
  const imported = watch.time('import', () => importTables(engines, schema, exports.tables))
  await allOrStop(engines, [exported, schema, imported, exports.verified])
  await source.database.close()
  await hooks.imported?.()
  const { catalog, script, reference } = await schema
  if (level !== 'none') {
    const tables = await exports.verified
    await watch.time('verify', () => verifyTarget(engines, { catalog, reference, tables, level }))
  }
  return { catalog, rows: Number(rows), warnings: script.warnings }
}

/** All of them, or the first failure, after everything that was under way has stopped. */
async function allOrStop(engines: Engines, steps: readonly Promise<unknown>[]): Promise<void> {
  try {
    await Promise.all(steps)
  } catch (error) {
    engines.stop()
    await Promise.allSettled(steps)
    throw error
  }
}

async function readSource(engines: Engines): Promise<Source> {
  refuseTornWal(engines.wal)
  let database = await openSource(engines)
  try {
    const tables = await readCatalog(database, engines.path('.'))
    const macros = await listMacros(database)
    let whole: readonly Macro[] | undefined = await readPlainMacros(database, macros)
    if (!whole) {
      // A process of the source engine has one database open at a time.
      await database.close()
      whole = await readMacros(engines, tables, macros)
      database = await openSource(engines)
    }
    const catalog = { ...tables, macros: whole }
    const plan = planTransfer(catalog, { mapKeys: hasMapKeys(database.release) })
    return { database, catalog, plan, counts: await countRows(database, plan) }
  } catch (error) {
    throw sourceError(error, 'its catalog')
  }
}

async function openSource(engines: Engines): Promise<Database> {
  const database = await engines.openSource()
  const lost = database.printed.find((line) => /WAL/.test(line))
  if (lost !== undefined)
    throw new DuckfleetError('corrupt', `the rows of its .wal cannot be read (${lost.split('\n', 1)[0] ?? ''}): open it with the release that wrote it`)
  return database
}

async function readMacros(engines: Engines, { tables }: TableCatalog, macros: Awaited<ReturnType<typeof listMacros>>): Promise<readonly Macro[]> {
  const scratch = await engines.openScratch()
  try {
    return await exportMacros(scratch, tables, macros)
  } finally {
    await scratch.close()
  }
}

async function countRows(database: Database, plan: TransferPlan): Promise<bigint[]> {
  if (plan.length === 0) return []
  const counts = plan.map((table, i) => `SELECT ${i} AS i, CAST(count(*) AS VARCHAR) AS n FROM ${relation(table)}`)
  const rows = await database.query(counts.join(' UNION ALL '))
  const byTable = new Map(rows.map((row) => [text(row, 'i'), BigInt(text(row, 'n'))]))
  return plan.map((_, i) => byTable.get(String(i)) ?? 0n)
}

/**
 * Tries the views in the source and everything in the reference. Trying a view may run what a stranger wrote: an
 * engine that cannot be confined by its process is locked first, and so has to have exported before.
 */
async function readSchema(engines: Engines, source: Source, exported: Promise<unknown>): Promise<Schema> {
  if (!engines.sourceConfined) {
    await exported
    await source.database.lock()
  }
  const catalog: Catalog = { ...source.catalog, views: await readViews(source.database) }
  const reference = await engines.openReference()
  try {
    const script = await buildSchema(reference, catalog)
    return { catalog, script, reference: await readCatalogRows(reference) }
  } finally {
    await reference.close()
  }
}

async function importTables(engines: Engines, pending: Promise<Schema>, tables: readonly Promise<TableExport>[]): Promise<void> {
  const target = await engines.createTarget()
  try {
    const { script } = await pending
    await runAll(target, script.tables)
    for (const table of tables) await importTable(target, await table)
    // Whatever comes now reads tables only: views may hold what a stranger wrote.
    await target.lock()
    await runAll(target, [...script.indexes, ...script.views])
    await target.query('CHECKPOINT')
  } catch (error) {
    throw targetError(error, 'the new file')
  } finally {
    await target.close()
  }
}

async function runAll(target: Database, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await target.query(statement)
}

async function importTable(target: Database, { plan, files }: TableExport): Promise<void> {
  if (files.length === 0) return
  const { table, columns } = plan
  try {
    await loadTable(target, {
      table,
      into: relation(plan),
      columns: columns.map(({ column }) => column.name),
      rows: decodedRows(plan, files),
      constraints: table.constraints,
    })
  } catch (error) {
    throw targetError(error, `table ${display(table)}`)
  }
}
