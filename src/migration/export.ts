import { display } from './catalog.js'
import { compareDigests, type Digest, toDigest } from './compare.js'
import { digestQuery } from './digest.js'
import {
  digestedColumns,
  exportSql,
  parquet,
  parquetTerms,
  relation,
  type RowRange,
  type TablePlan,
  tableTerms,
  type TransferPlan,
} from './plan.js'
import type { Database, Engines, Hooks } from './ports.js'
import { text } from './rows.js'
import { sourceError } from './transfer-errors.js'
import type { ExportedTable } from './verify-target.js'

/** Rows that one Parquet file holds at least, and how many files a table gets at most: the loader waits for the first. */
const CHUNK_ROWS = 500_000n
const MOST_CHUNKS = 4n

export interface TableExport {
  readonly plan: TablePlan
  /** Parquet files in row order, each settled as soon as it is whole; none for an empty table. */
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

/** Exports tables one after another, big ones in parts; `full`: also compares them with their files. */
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
    const count = counts[number] ?? 0n
    const parts = count === 0n ? 0 : chunks(table, count)
    const splitting = last.then(() => splitRows(source, table, parts))
    // Of a table without rows nobody awaits it.
    splitting.catch(() => undefined)
    const files = Array.from({ length: parts }, (_, part) => {
      const file = engines.path(`table-${number}-${part}.parquet`)
      const written = Promise.all([splitting, last]).then(([ranges]) =>
        exportPart(source, table, file, ranges[part], hooks),
      )
      last = written
      return written
    })
    return { plan: table, files }
  })
  const written = last.then(() => undefined)
  const verified = written.then(() => verifyAll(source, tables, counts, full))
  // Every promise is awaited by its user; until then a failure must not count as unhandled.
  for (const promise of [...tables.flatMap(({ files }) => files), written, verified])
    promise.catch(() => undefined)
  return { tables, written, verified }
}

function chunks(plan: TablePlan, count: bigint): number {
  // A column of that name hides the row id.
  if (plan.table.columns.some((column) => column.name.toLowerCase() === 'rowid')) return 1
  const wanted = count / CHUNK_ROWS
  return Number(wanted < 1n ? 1n : wanted > MOST_CHUNKS ? MOST_CHUNKS : wanted)
}

async function exportPart(
  source: Database,
  plan: TablePlan,
  file: string,
  range: RowRange | undefined,
  hooks: Hooks,
): Promise<string> {
  const name = display(plan.table)
  try {
    await source.query(exportSql(plan, file, range ?? { from: undefined, to: undefined }))
    await hooks.exported?.(name, [file])
    return file
  } catch (error) {
    throw sourceError(error, `table ${name}`)
  }
}

async function splitRows(database: Database, plan: TablePlan, parts: number): Promise<RowRange[]> {
  if (parts < 2) return [{ from: undefined, to: undefined }]
  const [row] = await database.query(`SELECT CAST(max(rowid) AS VARCHAR) AS last FROM ${relation(plan)}`)
  const rows = BigInt(row ? text(row, 'last') : '0') + 1n
  const cut = (part: number): string => String((rows * BigInt(part)) / BigInt(parts))
  return Array.from({ length: parts }, (_, part) => ({
    from: part === 0 ? undefined : cut(part),
    to: part === parts - 1 ? undefined : cut(part + 1),
  }))
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
