import { DuckfleetError } from '../../errors.js'
import { type Catalog, type Column, display, type Table } from '../catalog/catalog.js'
import { carrierOf, type Codec, decode, encode } from './codec.js'
import { planCodec, printsDifferently, type SourceSkills, type TargetSkills } from './codec-plan.js'
import type { DigestTerm } from './digest.js'
import { columnKey, type Incomparable } from '../catalog/generated.js'
import { dependencyOrder } from '../catalog/order.js'
import type { Export } from '../ports.js'
import { ident, literal, qualified } from '../sql/sql.js'

/** How one column travels: under which name in Parquet, and through which codec. */
interface ColumnPlan {
  readonly column: Column
  readonly carrier: string
  readonly codec: Codec
}

/** How one table travels. */
export interface TablePlan {
  readonly table: Table
  /** Stored columns: these are loaded. */
  readonly columns: readonly ColumnPlan[]
  /** Generated columns that can be compared: their values travel too, only for that. */
  readonly generated: readonly ColumnPlan[]
  /** The source has to copy its rows before it looks into them. */
  readonly gathered: boolean
}

/** Tables in the order in which they can be loaded. */
export type TransferPlan = readonly TablePlan[]

/** @throws DuckfleetError `unsupported`, naming the column that cannot travel. */
export function planTransfer(
  catalog: Pick<Catalog, 'tables'>,
  skills: SourceSkills & TargetSkills,
  incomparable: Incomparable = new Map(),
): TransferPlan {
  return dependencyOrder(catalog.tables).map((table) => {
    const columns = table.columns.map((column, i) => planColumn(table, column, `c${i}`, skills))
    return {
      table,
      columns: columns.filter(({ column }) => column.generated === undefined),
      generated: columns.filter(
        ({ column }) => column.generated !== undefined && !incomparable.has(columnKey(table, column.name)),
      ),
      gathered: false,
    }
  })
}

function planColumn(
  table: Table,
  column: Column,
  carrier: string,
  skills: SourceSkills & TargetSkills,
): ColumnPlan {
  try {
    return { column, carrier, codec: planCodec(column.type, skills) }
  } catch (error) {
    if (!(error instanceof DuckfleetError)) throw error
    throw new DuckfleetError(error.code, `column ${display(table)}.${column.name}: ${error.message}`, {
      cause: error,
    })
  }
}

/** Every column that is written to Parquet. */
function travelling(plan: TablePlan): readonly ColumnPlan[] {
  return [...plan.columns, ...plan.generated]
}

/** The carriers of a table, as the source gives them. */
export function exportOf(plan: TablePlan): Pick<Export, 'query' | 'columns'> {
  const columns = travelling(plan).map(
    ({ column, carrier, codec }) => `${encode(codec, ident(column.name))} AS ${carrier}`,
  )
  return {
    query: `SELECT ${columns.join(', ')} FROM ${sourceRelation(plan)}`,
    columns: travelling(plan).map(({ carrier, codec }) => ({ name: carrier, type: carrierOf(codec) })),
  }
}

/** SQL for the target: the rows that Parquet files stand for, with the table's own column names. */
export function decodedRows(plan: TablePlan, files: readonly string[]): string {
  const columns = plan.columns.map(
    ({ column, carrier, codec }) => `${decode(codec, carrier)} AS ${ident(column.name)}`,
  )
  return `SELECT ${columns.join(', ')} FROM ${parquet(files)}`
}

/** The table for the source engine. */
export function sourceRelation(plan: TablePlan): string {
  return plan.gathered ? `(SELECT * FROM ${relation(plan)} ORDER BY rowid) duckfleet_rows` : relation(plan)
}

export function relation({ table }: TablePlan): string {
  return qualified(table.schema, table.name)
}

/** Reads Parquet files in their order; the function has this name in every release. */
export function parquet(files: readonly string[]): string {
  return `parquet_scan([${files.map(literal).join(', ')}])`
}

/** What to digest of the table itself, in either engine. */
export function tableTerms(plan: TablePlan): DigestTerm[] {
  return travelling(plan).map(({ column, codec }) => {
    return termOf(codec, encode(codec, ident(column.name)))
  })
}

/** What to digest of its Parquet files, in the engine that wrote them or in the one that loaded them. */
export function parquetTerms(plan: TablePlan, engine: 'source' | 'target'): DigestTerm[] {
  return travelling(plan).map(({ carrier, codec }) => {
    const reprint = engine === 'target' && printsDifferently(codec)
    return termOf(codec, reprint ? encode(codec, decode(codec, carrier)) : carrier)
  })
}

function termOf(codec: Codec, value: string): DigestTerm {
  const alias = codec.kind === 'cast' && codec.type.kind === 'alias'
  return { value, type: carrierOf(codec), cast: codec.kind !== 'same', alias }
}

/** Names of the columns that are digested, in the order of the terms. */
export function digestedColumns(plan: TablePlan): string[] {
  return travelling(plan).map(({ column }) => column.name)
}
