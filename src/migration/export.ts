import { allOf, Arrivals } from './arrivals.js'
import { display } from './catalog.js'
import { compareRelations } from './compare.js'
import {
  digestedColumns,
  exportOf,
  parquet,
  parquetTerms,
  relation,
  type TablePlan,
  tableTerms,
  type TransferPlan,
} from './plan.js'
import type { Database, Hooks } from './ports.js'
import { sourceError } from './transfer-errors.js'
import type { ExportedTable } from './verify-target.js'

export interface TableExport {
  readonly plan: TablePlan
  /** Rows that the source counts. */
  readonly rows: bigint
  /** Its Parquet files, each as soon as it is whole; none for an empty table. */
  readonly files: AsyncIterable<string>
}

export interface Exports {
  /** In the order of the plan. */
  readonly tables: readonly TableExport[]
  /** When all files are whole. */
  readonly written: Promise<void>
  /** When the source engine has read all of them again and found what its tables hold. */
  readonly verified: Promise<ExportedTable[]>
}

/** Exports tables one after another; `full`: also compares them with their files. */
export function exportTables(
  source: Database,
  plan: TransferPlan,
  counts: readonly bigint[],
  full: boolean,
  hooks: Hooks,
): Exports {
  const tables = plan.map((table, i) => ({
    plan: table,
    rows: counts[i] ?? 0n,
    files: new Arrivals<string>(),
  }))
  const written = exportAll(source, tables, hooks)
  const verified = written.then(() => verifyAll(source, tables, full))
  // Both are awaited by their users; until then a failure must not count as unhandled.
  for (const promise of [written, verified]) promise.catch(() => undefined)
  return { tables, written, verified }
}

interface OpenExport extends TableExport {
  readonly files: Arrivals<string>
}

async function exportAll(source: Database, tables: readonly OpenExport[], hooks: Hooks): Promise<void> {
  try {
    for (const [number, { plan, rows, files }] of tables.entries()) {
      if (rows > 0n) await exportTable(source, { plan, rows, files }, `table-${number}`, hooks)
      files.complete()
    }
  } catch (error) {
    for (const { files } of tables) files.fail(error)
    throw error
  }
}

async function exportTable(
  source: Database,
  { plan, rows, files }: OpenExport,
  file: string,
  hooks: Hooks,
): Promise<void> {
  const name = display(plan.table)
  try {
    for await (const path of source.exportParquet({ ...exportOf(plan), file, rows })) {
      await hooks.exported?.(name, path)
      files.push(path)
    }
  } catch (error) {
    throw sourceError(error, `table ${name}`)
  }
}

async function verifyAll(
  source: Database,
  tables: readonly TableExport[],
  full: boolean,
): Promise<ExportedTable[]> {
  const results: ExportedTable[] = []
  for (const { plan, rows, files } of tables)
    results.push(await verifyExport(source, plan, await allOf(files), rows, full))
  return results
}

/** Reads the table and its files in the engine that wrote them: what differs was lost on the way out. */
async function verifyExport(
  source: Database,
  plan: TablePlan,
  files: readonly string[],
  count: bigint,
  full: boolean,
): Promise<ExportedTable> {
  const exported = { plan, files, rows: String(count), digest: undefined }
  if (!full || files.length === 0) return exported
  const table = display(plan.table)
  try {
    const digest = await compareRelations(
      source,
      table,
      digestedColumns(plan),
      { name: 'source', relation: relation(plan), terms: tableTerms(plan), chained: true },
      {
        name: 'exported data',
        relation: parquet(files),
        terms: parquetTerms(plan, 'source'),
        chained: false,
      },
    )
    return { ...exported, digest }
  } catch (error) {
    throw sourceError(error, `table ${table}`)
  }
}
