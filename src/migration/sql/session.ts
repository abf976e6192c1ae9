/** A value as every driver gives it: 64-bit and wider integers as decimal text, lists as arrays. */
export type Cell = string | number | boolean | null | readonly Cell[]

/** One row of a result, by column name. */
export type Row = Readonly<Record<string, Cell>>

/**
 * A database that one engine has open. The migration sees nothing else of an engine.
 *
 * `query` rejects with a DuckfleetError: `corrupt` when the engine finds the file damaged, `engine` when its
 * process is gone, otherwise an {@link SqlError}.
 */
export interface Session {
  /** Release of the engine, such as `0.6.1`. */
  readonly release: string
  query(sql: string): Promise<readonly Row[]>
}

/** The engine refused a statement. `message` is the engine's own first line. */
export class SqlError extends Error {
  override readonly name = 'SqlError'

  constructor(
    message: string,
    readonly sql: string,
  ) {
    super(message)
  }
}
