import { allOf, Arrivals } from './rows/arrivals.js'
import { display } from './catalog/catalog.js'
import { inGroups } from './sql/groups.js'
import { compareWithin, type Digest, type Digested, readDigest } from './verify/compare.js'
import {
  digestedColumns,
  exportOf,
  parquet,
  parquetTerms,
  sourceRelation,
  type TablePlan,
  tableTerms,
  type TransferPlan,
} from './rows/plan.js'
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
}

/** Exports tables one after another. */
export function exportTables(
  source: Database,
  plan: TransferPlan,
  counts: readonly bigint[],
  hooks: Hooks,
): Exports {
  const tables = plan.map((table, i) => ({
    plan: table,
    rows: counts[i] ?? 0n,
    files: new Arrivals<string>(),
  }))
  const written = exportAll(source, tables, hooks)
  // It is awaited by its users; until then a failure must not count as unhandled.
  written.catch(() => undefined)
  return { tables, written }
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

/**
 * Reads the tables and their files in the engine that wrote them: what differs was lost on the way out. `quiet`: when
 * the target engine needs just one core, and the files may be read; the tables are, as soon as all files are whole.
 */
export function verifyExports(
  source: Database,
  { tables, written }: Exports,
  full: boolean,
  quiet: Promise<unknown> = written,
): Promise<ExportedTable[]> {
  const verify = async (): Promise<ExportedTable[]> => {
    await written
    const digested = full ? tables.filter(({ rows }) => rows > 0n) : []
    const digests = await Promise.all(digested.map(({ plan }) => digestTable(source, plan)))
    await quiet
    const found = new Map(digested.map((table, i) => [table, digests[i]]))
    const results: ExportedTable[] = []
    for (const some of inGroups(tables))
      results.push(...(await Promise.all(some.map((table) => verifyExport(source, table, found.get(table))))))
    return results
  }
  const verified = verify()
  verified.catch(() => undefined)
  return verified
}

async function digestTable(source: Database, plan: TablePlan): Promise<Digest> {
  try {
    return await readDigest(source, tableOf(plan))
  } catch (error) {
    throw sourceError(error, `table ${display(plan.table)}`)
  }
}

function tableOf(plan: TablePlan): Digested {
  return { name: 'source', relation: sourceRelation(plan), terms: tableTerms(plan), chained: true }
}

async function verifyExport(
  source: Database,
  { plan, rows, files: arriving }: TableExport,
  digest: Digest | undefined,
): Promise<ExportedTable> {
  const files = await allOf(arriving)
  const exported = { plan, files, rows: String(rows), digest }
  if (!digest) return exported
  const table = display(plan.table)
  const data: Digested = {
    name: 'exported data',
    relation: parquet(files),
    terms: parquetTerms(plan, 'source'),
    chained: false,
  }
  try {
    const read = { ...data, ...(await readDigest(source, data)) }
    await compareWithin(source, table, digestedColumns(plan), { ...tableOf(plan), ...digest }, read)
    return exported
  } catch (error) {
    throw sourceError(error, `table ${table}`)
  }
}
