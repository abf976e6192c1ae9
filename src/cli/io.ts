/** Where a command writes: data to `out`, all else to `err`. Each line comes without its line end. */
export interface Io {
  out(line: string): void
  err(line: string): void
  /** Whether a person watches stderr, so that a progress bar makes sense. */
  readonly isTTY: boolean
}

/** What every command is given instead of the process: tests give it their own. */
export interface CommandContext {
  readonly io: Io
  /** Fires on SIGINT and SIGTERM. */
  readonly signal: AbortSignal
  /** Exit status once everything is done; the last call counts. */
  setExitCode(code: number): void
}
