import type { WalSuffix } from '../migration/file/wal.js'

/** A WAL beside a database. Empty ones hold nothing and are never reported. */
export interface StoredWal {
  readonly suffix: WalSuffix
  /** Bytes, more than 0. */
  readonly size: number
  readonly version: string
}

/** A file as it was at one moment. What is read later is read of this version, or refused. */
export interface StoredFile {
  /** Bytes, without the WAL. */
  readonly size: number
  /** Opaque; changes whenever the bytes change: an ETag, or size, mtime and inode. */
  readonly version: string
  /** Opaque; two names with one identity are one and the same file (device and inode, or bucket and key). */
  readonly identity: string
  /** When these bytes became the file's content, by the store's clock: milliseconds since 1970. */
  readonly writtenAt: number
  readonly wals: readonly StoredWal[]
}

/** What lies under a key. */
export interface Found {
  readonly file: StoredFile | undefined
  /** WALs that lie where a database of this key would look for its own, whether or not the database exists. */
  readonly wals: readonly StoredWal[]
}

/** Whether both are one version of a file: its own bytes, and those of its WALs. */
export function sameVersion(a: StoredFile, b: StoredFile): boolean {
  const versions = ({ version, wals }: StoredFile): string =>
    JSON.stringify([version, wals.map((wal) => [wal.suffix, wal.version])])
  return versions(a) === versions(b)
}

export interface ListedFile {
  /** Relative to the store's root, with `/` between the parts. */
  readonly key: string
  readonly size: number
  /** Opaque; changes whenever the bytes change, like that of {@link StoredFile}. Empty for what cannot be looked at. */
  readonly version: string
  /** No file, but a symbolic link to a folder elsewhere: what lies in it is not listed. */
  readonly unfollowed?: true
}

/** Told of every piece that was moved: bytes since the last call. Called often: be quick. */
export type OnBytes = (bytes: number) => void

export interface DownloadOptions {
  readonly head?: Uint8Array | undefined
  readonly onBytes?: OnBytes
}

export interface PublishOptions {
  /** Kept with the file where the store can (S3); names in lower case with dashes, values in ASCII. */
  readonly metadata: Readonly<Record<string, string>>
  /**
   * What is replaced: any other version is `transient`, and stays. Undefined: an existing destination is refused, whoever
   * made it and however late it appeared. Where it is the source, its WAL, which the new file has
   * taken in, is taken away in the same moment; that needs a {@link Store.backup} of the same version before.
   */
  readonly replaces?: StoredFile
  /** Asked when all that is left to do is to let the file appear, which may be long after the beginning; rejects when it shall not. */
  readonly lastLook?: () => Promise<void>
  readonly onBytes?: OnBytes
}

export interface Published {
  /** `sha256:` and the hex digest of the bytes that the destination now has. */
  readonly digest: string
  /** Bytes of the destination. */
  readonly bytes: number
}

/**
 * Where files live. A store never moves, changes or removes a source; there is no operation for it.
 *
 * Keys are relative to the store's root. One that leaves it (`..`, absolute, through a symbolic link) is refused
 * with code `usage`, by every operation. All operations reject with a DuckfleetError: `usage` where trying again gives the
 * same (missing, not permitted by the file system, read-only, destination exists), `transient` where it may not (network,
 * credentials refused, no space, changed while it was read), `aborted` when the signal fired. Nothing of an aborted or failed operation is left
 * at the destination. Retries are the caller's business: adapters only say what kind of error it is.
 */
export interface Store {
  /**
   * Bytes of a file that are better read at once, with its head, than by a request of their own; 0 where a request costs
   * nothing.
   */
  readonly atOnce: number

  /** Key as people and reports know it: a full path, or `s3://bucket/key`. */
  describe(key: string): string

  /** A folder is refused. */
  stat(key: string, signal: AbortSignal): Promise<Found>

  /** Rejects with `transient` when the file or one of its WALs is not this version any more, or a WAL has appeared. */
  assertUnchanged(key: string, file: StoredFile, signal: AbortSignal): Promise<void>

  /** The first bytes: `length` of them, or fewer when the file is shorter. */
  readHead(key: string, file: StoredFile, length: number, signal: AbortSignal): Promise<Uint8Array>

  /**
   * Copies exactly the version `file`, its WALs beside it (`toPath` + suffix), to new local files; when one of them is
   * another version by then, it is a `transient` error. A WAL that appeared since is for {@link Store.assertUnchanged}.
   * `head`: what {@link Store.readHead} gave of this version, and need not be read again.
   */
  download(
    key: string,
    file: StoredFile,
    toPath: string,
    options: DownloadOptions,
    signal: AbortSignal,
  ): Promise<void>

  /**
   * Makes the complete local file `fromPath` the content of `key`, at once and durably: every reader sees what was
   * there before or all of it. `fromPath` may be used up. The same file published twice gives the same result.
   * A WAL that lies at the destination is refused: DuckDB would replay it into the new file.
   */
  publish(fromPath: string, key: string, options: PublishOptions, signal: AbortSignal): Promise<Published>

  /**
   * Keeps the version `file` and its WALs under `key` + `suffix` (+ WAL suffix), durably, and gives the new key. An
   * existing backup is never overwritten: the same bytes are accepted, others refused.
   */
  backup(key: string, file: StoredFile, suffix: string, signal: AbortSignal): Promise<string>

  /**
   * Every file whose key starts with `prefix` (all of them with `''`), in all folders, sorted within a folder; none
   * where the folder that `prefix` names is missing. Rejects with `usage` when the store itself is missing. Symbolic
   * links to folders are not followed: they are listed themselves, unless what they lead to is listed anyway. Unfinished
   * files of {@link Store.publish} do not show.
   */
  list(prefix: string, signal: AbortSignal): AsyncIterable<ListedFile>
}
