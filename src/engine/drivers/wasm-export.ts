import type { ArrowColumn } from '../parquet/column-chunk.js'
import { ParquetFile, type ParquetColumn } from '../parquet/parquet-file.js'

/** A prepared statement of `@duckdb/duckdb-wasm`: one that is sent gives its rows as they come. */
export interface WasmStatement {
  send(): Iterable<ArrowBatch>
  close(): void
}
interface StreamingConnection {
  prepare(sql: string): WasmStatement
  close(): void
}
interface ArrowBatch {
  readonly numRows: number
  readonly data: { readonly children: readonly ArrowColumn[] }
}

/** Rows of a row group, as many as in DuckDB's own: so the target's begin and end where those of the file do. */
const GROUP_ROWS = 122_880
const GROUP_BYTES = 64e6
/** Files of about a million rows: the target loads one while the next is written. */
const PART_ROWS = 8 * GROUP_ROWS
const PART_BYTES = 512e6

/** The result of a query, written to Parquet files one after another. */
export class WasmExport {
  private readonly statement: WasmStatement
  private readonly batches: Iterator<ArrowBatch>
  private batch: ArrowBatch | undefined
  /** Rows of the batch that are written. */
  private written = 0

  constructor(
    private readonly connection: StreamingConnection,
    query: string,
    private readonly columns: readonly ParquetColumn[],
  ) {
    this.statement = connection.prepare(query)
    this.batches = this.statement.send()[Symbol.iterator]()
    this.advance()
  }

  /** Writes the next file. `more`: it is not the last one. */
  writePart(path: string): { readonly more: boolean; readonly rows: number; readonly bytes: number } {
    const file = new ParquetFile(path, this.columns)
    let rows = 0
    try {
      while (this.batch !== undefined && rows < PART_ROWS && file.size < PART_BYTES) {
        const room = GROUP_ROWS - file.open.rows
        const to = Math.min(this.batch.numRows, this.written + room)
        file.append(this.batch.data.children, this.written, to)
        rows += to - this.written
        this.written = to
        if (to === this.batch.numRows) this.advance()
        const { rows: waiting, bytes } = file.open
        if (waiting === GROUP_ROWS || bytes > GROUP_BYTES) file.endRowGroup()
      }
      file.finish()
    } finally {
      file.close()
    }
    return { more: this.batch !== undefined, rows, bytes: file.size }
  }

  close(): void {
    this.statement.close()
    this.connection.close()
  }

  private advance(): void {
    const next = this.batches.next()
    this.batch = next.done === true ? undefined : next.value
    this.written = 0
  }
}
