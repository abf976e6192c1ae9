import type { Row } from '../../migration/sql/session.js'
import { literal } from '../../migration/sql/sql.js'
import type { ExportPart, OpenOptions } from '../protocol.js'

/** One way to run DuckDB inside an engine process. Errors are the engine's own. */
export interface EngineDriver {
  open(session: number, options: OpenOptions): Promise<void>
  query(session: number, sql: string): Promise<readonly Row[]>
  /** Writes a part of an export; false when it is the last one. */
  exportPart(session: number, part: ExportPart): Promise<boolean>
  lock(session: number): Promise<void>
  close(session: number): Promise<void>
}

/** Any value that a driver returns, as a {@link Row}'s cell: bigints as text, lists as arrays. */
function toCell(value: unknown): Row[string] {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return null
  if (Symbol.iterator in value) return Array.from(value as Iterable<unknown>, toCell)
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part))
}

export function toRow(record: Readonly<Record<string, unknown>>): Row {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, toCell(value)]))
}

/** A size as DuckDB's settings read it. */
export function megabytes(bytes: number): string {
  return `${Math.max(1, Math.floor(bytes / 1e6))}MB`
}

/** The engine's own way to write a query to Parquet, in one piece. */
export function copyStatement({ query, file }: Pick<ExportPart, 'query' | 'file'>): string {
  // Compressing costs more than writing: the file lives for seconds.
  return `COPY (${query}) TO ${literal(file)} (FORMAT PARQUET, CODEC 'UNCOMPRESSED')`
}
