import { allOf } from './rows/arrivals.js'
import { type Catalog, display } from './catalog/catalog.js'
import { exportTables, type TableExport, verifyExports } from './export.js'
import { difference } from './verify/compare.js'
import { loadTable, refersToItself } from './rows/load.js'
import { decodedRows, relation } from './rows/plan.js'
import type { Database, Engines, Hooks } from './ports.js'
import { text } from './sql/row.js'
import { ident } from './sql/sql.js'
import { readSchema, readSource, type Schema } from './source.js'
import type { Stopwatch } from './stopwatch.js'
import { targetError } from './transfer-errors.js'
import type { VerifyLevel } from './upgrade.js'
import { type ExportedTable, verifyTarget } from './verify-target.js'

export type Step = 'export' | 'import' | 'verify'

/** What was moved. */
export interface Outcome {
  readonly catalog: Pick<Catalog, 'tables' | 'indexes'>
  readonly rows: number
  readonly warnings: readonly string[]
}

/**
 * Moves a database of 0.4 – 0.8 into a new file of the target release, through Parquet files. The source engine
 * exports a table while the target engine loads the one before; then it compares its tables with the files while
 * the target engine builds indexes.
 * @throws DuckfleetError, see {@link UpgradeFile}.
 */
export async function transfer(
  engines: Engines,
  level: VerifyLevel,
  watch: Stopwatch<Step>,
  hooks: Hooks = {},
): Promise<Outcome> {
  // Opened at once: loading an engine takes as long as reading a small file.
  const target = engines.createTarget()
  const reading = readSource(engines)
  await allOrStop(engines, [reading, target])
  const source = await reading
  const rows = source.counts.reduce((sum, count) => sum + count, 0n)
  engines.expectRows(rows)
  const exports = exportTables(source.database, source.plan, source.counts, hooks)
  const exported = watch.time('export', () => exports.written)
  const verify = (quiet?: Promise<unknown>): Promise<ExportedTable[]> =>
    verifyExports(source.database, exports, level === 'full', quiet)
  // Whoever needs the views before waits for all that the source is read for.
  const early = source.tried ? undefined : verify()
  const schema = readSchema(engines, source, early ?? exports.written)
  const indexed = importTables(engines, target, schema, exports.tables, level)
  const verified = early ?? verify(indexed)
  const imported = watch.time('import', () => finishTarget(schema, indexed))
  await allOrStop(engines, [exported, schema, imported, verified])
  await source.database.close()
  await hooks.imported?.()
  const { catalog, script, reference: wanted } = await schema
  if (level !== 'none') {
    const tables = await verified
    await watch.time('verify', () => verifyTarget(engines, { catalog, reference: wanted, tables, level }))
  }
  const warnings = [...source.warnings, ...script.warnings, ...nameWarnings(engines, catalog)]
  return { catalog, rows: Number(rows), warnings }
}

function nameWarnings({ targetName }: Engines, { database }: Catalog): string[] {
  if (database === undefined || database.toLowerCase() === targetName.toLowerCase()) return []
  return [
    `something in it may name its database ${database}, which is called ${targetName} now: attach it AS ${ident(database)}`,
  ]
}

/** All of them, or the first failure, after everything that was under way has stopped. */
export async function allOrStop(
  engines: Pick<Engines, 'stop'>,
  steps: readonly Promise<unknown>[],
): Promise<void> {
  try {
    await Promise.all(steps)
  } catch (error) {
    engines.stop()
    await Promise.allSettled(steps)
    throw error
  }
}

/** The new file, under the name by which something in it names it. */
async function reopen(engines: Engines, target: Database, { database }: Catalog): Promise<Database> {
  if (database === undefined) return target
  await target.close()
  return await engines.createTarget(database)
}

/** Tables, rows and indexes: what keeps more than one core at work. */
async function importTables(
  engines: Engines,
  opening: Promise<Database>,
  pending: Promise<Schema>,
  tables: readonly TableExport[],
  level: VerifyLevel,
): Promise<Database> {
  const opened = await opening
  try {
    const { script, catalog } = await pending
    const target = await reopen(engines, opened, catalog)
    await Promise.all(script.tables.map((statement) => target.query(statement)))
    for (const table of tables) await importTable(target, table)
    if (level === 'none') for (const table of tables) await checkCount(target, table)
    // Whatever comes after the lock reads tables only: views may hold what a stranger wrote.
    await Promise.all([target.lock(), ...script.indexes.map((statement) => target.query(statement))])
    return target
  } catch (error) {
    throw targetError(error, 'the new file')
  }
}

async function finishTarget(pending: Promise<Schema>, indexed: Promise<Database>): Promise<void> {
  const [target, { script }] = await Promise.all([indexed, pending])
  try {
    await Promise.all([...script.views, 'CHECKPOINT'].map((statement) => target.query(statement)))
    await target.close()
  } catch (error) {
    throw targetError(error, 'the new file')
  }
}

/** What costs nothing is checked also where nobody asked for a proof. */
async function checkCount(target: Database, { plan, rows }: TableExport): Promise<void> {
  const [row] = await target.query(`SELECT CAST(count(*) AS VARCHAR) AS n FROM ${relation(plan)}`)
  const found = row ? text(row, 'n') : '0'
  if (found !== String(rows))
    throw difference(
      `table ${display(plan.table)} has ${rows} rows in the source and ${found} in the new file`,
    )
}

async function importTable(target: Database, { plan, files }: TableExport): Promise<void> {
  const { table, columns } = plan
  const load = {
    table,
    into: relation(plan),
    columns: columns.map(({ column }) => column.name),
    constraints: table.constraints,
  }
  try {
    const loadFiles = (ready: readonly string[]): Promise<void> =>
      loadTable(target, { ...load, rows: decodedRows(plan, ready) })
    if (!refersToItself(table)) for await (const file of files) await loadFiles([file])
    else {
      // Loaded together: a parent may come after its child.
      const ready = await allOf(files)
      if (ready.length > 0) await loadFiles(ready)
    }
  } catch (error) {
    throw targetError(error, `table ${display(table)}`)
  }
}
