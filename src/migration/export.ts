import { display } from './catalog.js'
import { compareDigests, type Digest, toDigest } from './compare.js'
import { digestQuery } from './digest.js'
import { digestedColumns, exportSql, parquet, parquetTerms, relation, type RowRange, type TablePlan, tableTerms, type TransferPlan } from './plan.js'
import type { Database, Engines, Hooks } from './ports.js'
import { text } from './rows.js'
import { sourceError } from './transfer-errors.js'
import type { ExportedTable } from './verify-target.js'

/** Rows from which on several engines export one table. */
const SPLIT_ROWS = 500_000n

export interface TableExport {
  readonly plan: TablePlan
  /** Parquet files in row order; none for an empty table. */
  readonly files: readonly string[]
}

export interface Exports {
  /** One a table, in the order of the plan: settled as soon as its files are whole. */
  readonly tables: readonly Promise<TableExport>[]
  /** When all are. */
  readonly written: Promise<void>
  /** When the source engine has read all of them again and found what its tables hold. */
  readonly verified: Promise<ExportedTable[]>
}

/** Exports tables one after another; `full`: also compares them with their files. */
export function exportTables(engines: Engines, source: Database, plan: TransferPlan, counts: readonly bigint[], full: boolean, hooks: Hooks): Exports {
  const exporters = new Exporters(engines, source)
  const tables: Promise<TableExport>[] = []
  let last: Promise<unknown> = Promise.resolve()
  for (const [i, table] of plan.entries()) {
    const written = last.then(() => exportTable(exporters, table, i, counts[i] ?? 0n, hooks))
    tables.push(written)
    last = written
  }
  const written = last.then(() => undefined)
  const verified = written.then(async () => {
    try {
      const results: ExportedTable[] = []
      for (const [i, table] of tables.entries()) results.push(await verifyExport(exporters, await table, counts[i] ?? 0n, full))
      return results
    } finally {
      await exporters.close()
    }
  })
  // Every promise is awaited by its user; until then a failure must not count as unhandled.
  for (const promise of [...tables, written, verified]) promise.catch(() => undefined)
  return { tables, written, verified }
}

/** The source engine, and more processes of it that start when a table is worth it. */
class Exporters {
  private readonly more: Database[] = []

  constructor(
    private readonly engines: Engines,
    readonly first: Database,
  ) {}

  async all(): Promise<readonly Database[]> {
    while (this.more.length + 1 < this.engines.exporters) this.more.push(await this.engines.openSource())
    return [this.first, ...this.more]
  }

  /** The last one that is open: with two of them, not the first. */
  get other(): Database {
    return this.more.at(-1) ?? this.first
  }

  file(name: string): string {
    return this.engines.path(name)
  }

  async close(): Promise<void> {
    for (const database of this.more.splice(0)) await database.close()
  }
}

async function exportTable(exporters: Exporters, plan: TablePlan, number: number, count: bigint, hooks: Hooks): Promise<TableExport> {
  if (count === 0n) return { plan, files: [] }
  const name = display(plan.table)
  try {
    const ownRowId = plan.table.columns.some((column) => column.name.toLowerCase() === 'rowid')
    const databases = count >= SPLIT_ROWS && !ownRowId ? await exporters.all() : [exporters.first]
    const ranges = await splitRows(exporters.first, plan, databases.length)
    const files = ranges.map((_, part) => exporters.file(`table-${number}-${part}.parquet`))
    await Promise.all(
      ranges.map((range, part) => (databases[part] ?? exporters.first).query(exportSql(plan, files[part] ?? '', range))),
    )
    await hooks.exported?.(name, files)
    return { plan, files }
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

/** Reads the table and its files in the engine that wrote them: what differs was lost on the way out. */
async function verifyExport(exporters: Exporters, { plan, files }: TableExport, count: bigint, full: boolean): Promise<ExportedTable> {
  const exported = { plan, files, rows: String(count), digest: undefined }
  if (!full || files.length === 0) return exported
  const table = display(plan.table)
  try {
    const terms = tableTerms(plan)
    const digest = async (database: Database, of: string, what: typeof terms): Promise<Digest> =>
      toDigest((await database.query(digestQuery(of, what)))[0], terms.length)
    const [own, written] = await Promise.all([
      digest(exporters.first, relation(plan), terms),
      digest(exporters.other, parquet(files), parquetTerms(plan, 'source')),
    ])
    compareDigests(own, written, { table, columns: digestedColumns(plan), left: 'source', right: 'exported data' }, true)
    return { ...exported, digest: own }
  } catch (error) {
    throw sourceError(error, `table ${table}`)
  }
}
