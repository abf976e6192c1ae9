/** Whose files are to be migrated. Ids are text: some are longer than a number can hold. */
export interface Tracker {
  readonly id: string
  readonly site: string
}

/** Which trackers; empty lists choose all. */
export interface TrackerFilter {
  readonly trackers: readonly string[]
  readonly sites: readonly string[]
}

/**
 * Where tracker ids come from. Streams them, so that millions fit; each tracker once. Rejects with a DuckfleetError:
 * `usage` for a wrong query, address or password, `transient` when the server is not there, `aborted`.
 */
export interface TrackerSource {
  trackers(filter: TrackerFilter, signal: AbortSignal): AsyncIterable<Tracker>
  close(): Promise<void>
}
