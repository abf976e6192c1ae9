import type { StorageHeader } from './file/header.js'

/** How much is proved about the finished file. `full`: every object and every value; `counts`: objects and row counts. */
export type VerifyLevel = 'full' | 'counts' | 'none'

/** What to write. */
export interface Target {
  /** Release that writes the file, such as `1.5.6`. */
  readonly release: string
  /** Value for `ATTACH … (STORAGE_VERSION …)`, such as `v1.4.0` or `latest`; undefined: the release's default. */
  readonly storageVersion?: string
}

export interface UpgradeRequest {
  /** A private copy of the database that may be scribbled on, inside `folder`; its WAL, if any, beside it. */
  readonly source: string
  readonly header: StorageHeader
  /** Where the new file shall be, inside `folder`. It does not exist yet. */
  readonly destination: string
  /** The job's own folder. Engine processes reach nothing outside it. */
  readonly folder: string
  readonly target: Target
  readonly verify: VerifyLevel
  /** Memory for all engines of this job together, bytes. */
  readonly memory: number
  /** Threads for all engines of this job together. */
  readonly threads: number
}

/** What a finished upgrade says of itself; counts are of the source's catalog. */
export interface UpgradeResult {
  readonly tables: number
  readonly rows: number
  readonly indexes: number
  /** Release of the engine that read the source. */
  readonly reader: string
  /** Things the person should know although nothing was lost, such as a view that was broken already. */
  readonly warnings: readonly string[]
  /** Of a check: the target reads some values otherwise than the release that wrote them, so the file has to be written anew. */
  readonly outdated?: boolean
  /** Milliseconds. Export and import overlap; `total` is the wall clock. */
  readonly ms: {
    readonly export: number
    readonly import: number
    readonly verify: number
    readonly total: number
  }
}

/**
 * Upgrades one file on local disk. Rejects with a DuckfleetError: `corrupt`, `unsupported`, `difference`,
 * `engine`, `no-space`, `transient` or `aborted`. On rejection `destination` may exist half-written: the
 * caller removes the folder.
 */
export type UpgradeFile = (request: UpgradeRequest, signal: AbortSignal) => Promise<UpgradeResult>

/** Opens a file with the target engine and reads every value of it, to prove that the bytes are a sound database. */
export type CheckFile = (request: UpgradeRequest, signal: AbortSignal) => Promise<UpgradeResult>
