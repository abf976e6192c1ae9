import { display } from './catalog.js'
import { compareDigests, type Digest, toDigest } from './compare.js'
import { digestQuery } from './digest.js'
import {
  digestedColumns,
  exportSql,
  parquet,
  parquetTerms,
  relation,
  type TablePlan,
  tableTerms,
  type TransferPlan,
} from './plan.js'
import type { Database, Engines, Hooks } from './ports.js'
import { sourceError } from './transfer-errors.js'
import type { ExportedTable } from './verify-target.js'

export interface TableExport {
  readonly plan: TablePlan
  /** Its Parquet file, settled as soon as it is whole; none for an empty table. */
  readonly files: readonly Promise<string>[]
}

export interface Exports {
  /** In the order of the plan. */
  readonly tables: readonly TableExport[]
  /** When all files are whole. */
  readonly written: Promise<void>
  /** When the source engine has read all of them again and found what its tables hold. */
  readonly verified: Promise<ExportedTable[]>
}

/**
 * Exports tables one after another; `full`: also compares them with their files. Parts of one table gain nothing: the
 * old engines read all of it to find a range of rows.
 */
export function exportTables(
  engines: Pick<Engines, 'path'>,
  source: Database,
  plan: TransferPlan,
  counts: readonly bigint[],
  full: boolean,
  hooks: Hooks,
): Exports {
  let last: Promise<unknown> = Promise.resolve()
  const tables = plan.map((table, number): TableExport => {
    if ((counts[number] ?? 0n) === 0n) return { plan: table, files: [] }
    const file = engines.path(`table-${number}.parquet`)
    const written = last.then(() => exportTable(source, table, file, hooks))
    last = written
    return { plan: table, files: [written] }
  })
  const written = last.then(() => undefined)
  const verified = written.then(() => verifyAll(source, tables, counts, full))
  // Every promise is awaited by its user; until then a failure must not count as unhandled.
  for (const promise of [...tables.flatMap(({ files }) => files), written, verified])
    promise.catch(() => undefined)
  return { tables, written, verified }
}

async function exportTable(source: Database, plan: TablePlan, file: string, hooks: Hooks): Promise<string> {
  const name = display(plan.table)
  try {
    await source.query(exportSql(plan, file))
    await hooks.exported?.(name, [file])
    return file
  } catch (error) {
    throw sourceError(error, `table ${name}`)
  }
}

async function verifyAll(
  source: Database,
  tables: readonly TableExport[],
  counts: readonly bigint[],
  full: boolean,
): Promise<ExportedTable[]> {
  const results: ExportedTable[] = []
  for (const [i, { plan, files }] of tables.entries())
    results.push(await verifyExport(source, plan, await Promise.all(files), counts[i] ?? 0n, full))
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
    const terms = tableTerms(plan)
    const digest = async (of: string, what: typeof terms): Promise<Digest> =>
      toDigest((await source.query(digestQuery(of, what)))[0], terms.length)
    const own = await digest(relation(plan), terms)
    const written = await digest(parquet(files), parquetTerms(plan, 'source'))
    compareDigests(
      own,
      written,
      { table, columns: digestedColumns(plan), left: 'source', right: 'exported data' },
      true,
    )
    return { ...exported, digest: own }
  } catch (error) {
    throw sourceError(error, `table ${table}`)
  }
}
