import type { Session } from './sql/session.js'
import type { BuiltSchema } from './built-schema.js'
import type { SourceCatalog } from './catalog/catalog-reader.js'
import type { Recent } from './recent.js'
import type { Scratch } from './scratch.js'
import type { StoredNumbers } from './file/stored-numbers.js'
import type { DuckType } from './sql/types.js'

/** A session that must be closed. */
export interface Database extends Session {
  /** What the engine printed while it opened the file. */
  readonly printed: readonly string[]
  /**
   * Writes the rows of a query to Parquet files in the job's folder, in their order; gives the path of each as soon as it is
   * whole. One export at a time; queries may come between its files.
   */
  exportParquet(what: Export): AsyncIterable<string>
  /** From here on the engine reaches no file that it has not opened yet. */
  lock(): Promise<void>
  /** Writes what is still in memory; rejects if that fails. */
  close(): Promise<void>
}

/** What to write to Parquet. */
export interface Export {
  readonly query: string
  /** The columns that the query gives. */
  readonly columns: readonly ExportColumn[]
  /** What the names of the files begin with. */
  readonly file: string
  /** How many rows the query gives. */
  readonly rows: bigint
}

export interface ExportColumn {
  readonly name: string
  readonly type: DuckType
}

/** The engines of one job. Each call gives a database of its own; of the source engine's only one is open at a time. */
export interface Engines {
  /** The source, read-only. */
  openSource(): Promise<Database>
  /** A copy of the source that may be written; it is removed when it is closed. */
  openScratch(): Promise<Scratch & { close(): Promise<void> }>
  /** The new file, which does not exist yet, or is empty. `name`: that of the database, for its own statements. */
  createTarget(name?: string): Promise<Database>
  /** The new file, read-only. */
  openTarget(name?: string): Promise<Database>
  /** An empty in-memory database of the target release, which reaches no file at all. */
  openReference(name?: string): Promise<Database>
  /** The name that a database of the new file has by itself. */
  readonly targetName: string
  /** Release of the target and of the reference. */
  readonly targetRelease: string
  /** What earlier jobs of this worker read and built: the files of a fleet tend to hold the same tables. */
  readonly catalogs: Recent<SourceCatalog>
  readonly schemas: Recent<BuiltSchema>
  /** What tells the source's catalog from others, without an engine; undefined where only an engine can tell. */
  storedCatalog(): Promise<string | undefined>
  /** What the numbers in the source's expressions are; undefined where only an engine can read them. */
  storedNumbers(): Promise<StoredNumbers | undefined>
  /** True when no statement can reach a file outside the job's folder in the source engine. */
  readonly sourceConfined: boolean
  /** The source file, where an engine of the target can attach it. */
  readonly sourcePath: string
  /** Size of the source's WAL in bytes, and its last byte; undefined if there is none. */
  readonly wal: { readonly size: number; readonly lastByte: number } | undefined
  /** How many rows the job moves: the more, the longer an answer may take. */
  expectRows(rows: bigint): void
  /** Ends every engine that is at work; what waits for it rejects. */
  stop(): void
  /** A path for a file of this name in the job's folder. */
  path(name: string): string
}

/** Moments at which a test may interfere. */
export interface Hooks {
  /** After a file of a table's rows was exported, before anybody reads it again. */
  exported?(table: string, file: string): Promise<void>
  /** After the new file was closed, before it is verified. */
  imported?(): Promise<void>
}
