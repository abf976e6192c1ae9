import { DuckfleetError } from '../../errors.js'

/** What the bytes of a file commit to: engines that know both numbers can open it. */
export interface StorageFormat {
  readonly storageVersion: number
  /** Recorded from storage version 65 on. */
  readonly serializationLevel: number | undefined
}

interface Wanted {
  readonly release: string
  readonly storageVersion?: string | undefined
}

interface StorageVersionFacts {
  readonly version: number
  /** First release that writes it. */
  readonly since: string
  /** Releases that write it, for people. */
  readonly releases: string
}

/** Storage versions that a release has written. Source: DuckDB `storage_info.cpp`, checked against real files. */
const STORAGE_VERSIONS: readonly StorageVersionFacts[] = [
  { version: 21, since: '0.2.9', releases: '0.2.9' },
  { version: 25, since: '0.3.0', releases: '0.3.0' },
  { version: 27, since: '0.3.1', releases: '0.3.1' },
  { version: 31, since: '0.3.2', releases: '0.3.2' },
  { version: 33, since: '0.3.3', releases: '0.3.3 – 0.4' },
  { version: 38, since: '0.5.0', releases: '0.5' },
  { version: 39, since: '0.6.0', releases: '0.6' },
  { version: 43, since: '0.7.0', releases: '0.7' },
  { version: 51, since: '0.8.0', releases: '0.8' },
  { version: 64, since: '0.9.0', releases: '0.9 – 1.5' },
  { version: 65, since: '1.2.0', releases: '1.2' },
  { version: 66, since: '1.3.0', releases: '1.3' },
  { version: 67, since: '1.4.0', releases: '1.4' },
  { version: 68, since: '1.5.0', releases: '1.5' },
]

/** The version that 0.9 introduced and that every release since writes unless `STORAGE_VERSION` asks for more. */
export const STABLE_VERSION = 64
/** From 65 on, a level of its own belongs to every storage version: 65 has 4, 66 has 5, and so on. */
const LEVEL_OFFSET = 61
const FIRST_WITH_STORAGE_VERSION = '1.2.0'

/** Highest storage version in the table. */
export const NEWEST_STORAGE_VERSION = 68

/** True for a storage version whose header layout and checksums are known. */
export function isKnownStorageVersion(version: number): boolean {
  return STORAGE_VERSIONS.some((known) => known.version === version)
}

/** Releases that write this storage version, for people: `0.6`, `0.9 – 1.5`, `newer than 1.5`. */
export function releasesOf(storageVersion: number): string {
  const known = STORAGE_VERSIONS.find(({ version }) => version === storageVersion)
  if (known !== undefined) return known.releases
  if (storageVersion > NEWEST_STORAGE_VERSION) return 'newer than 1.5'
  return storageVersion < 21 ? 'before 0.2.9' : 'a development version'
}

/**
 * The storage version that an engine must know to open such a file. A file of version 64 that a later release
 * upgraded in place says 65 with that release's level, so the level counts too.
 */
export function requiredStorageVersion({ storageVersion, serializationLevel }: StorageFormat): number {
  return serializationLevel === undefined
    ? storageVersion
    : Math.max(storageVersion, serializationLevel + LEVEL_OFFSET)
}

/**
 * Canonical form `x.y.z` of `duckdb0.8.1`, `v1.4.4` or `0.8.1`.
 * @throws DuckfleetError `usage` for anything else.
 */
export function parseRelease(text: string): string {
  const match = /^(?:duckdb[-@]?)?v?(\d{1,4}\.\d{1,4}\.\d{1,4})$/i.exec(text.trim())
  const release = match?.[1]
  if (release === undefined) {
    throw new DuckfleetError(
      'usage',
      `"${text}" is not a DuckDB release; write it like 1.5.6, v1.5.6 or duckdb0.8.1`,
    )
  }
  return release.split('.').map(Number).join('.')
}

/** Negative when `a` is older than `b`, 0 when equal, positive when newer. Both in the form `x.y.z`. */
export function compareReleases(a: string, b: string): number {
  const left = a.split('.').map(Number)
  const right = b.split('.').map(Number)
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** The newest storage version that a release can read and write: 39 for `0.6.1`, 67 for `1.4.4`. */
export function newestVersionOf(release: string): number {
  const known = STORAGE_VERSIONS.filter(({ since }) => compareReleases(since, release) <= 0)
  const newest = known.at(-1)
  if (newest === undefined)
    throw new DuckfleetError('usage', `DuckDB ${release} is older than 0.2.9, the oldest known release`)
  return newest.version
}

/**
 * The format that a release writes into a new file, given the value of `STORAGE_VERSION` if there is one.
 * @throws DuckfleetError `usage` when the release does not know STORAGE_VERSION, or not that value.
 */
export function formatWrittenBy(target: Wanted): StorageFormat {
  const { release, storageVersion } = target
  if (storageVersion === undefined) return format(Math.min(newestVersionOf(release), STABLE_VERSION))
  if (compareReleases(release, FIRST_WITH_STORAGE_VERSION) < 0) {
    throw new DuckfleetError(
      'usage',
      `DuckDB ${release} has no STORAGE_VERSION (1.2.0 and later do): leave it out`,
    )
  }
  if (storageVersion === 'latest') return format(newestVersionOf(release))
  const asked = parseRelease(storageVersion)
  if (compareReleases(asked, '0.10.0') < 0) {
    throw new DuckfleetError(
      'usage',
      `STORAGE_VERSION ${storageVersion} is too old: v0.10.0 is the oldest that DuckDB takes`,
    )
  }
  if (newestVersionOf(asked) > newestVersionOf(release)) {
    throw new DuckfleetError(
      'usage',
      `DuckDB ${release} cannot write STORAGE_VERSION ${storageVersion}: it is newer`,
    )
  }
  return format(newestVersionOf(asked))
}

/**
 * The value of `STORAGE_VERSION` with which a target writes what a file holds. Where none was asked for, a format that
 * is newer than the release's default is kept: an older one may be unable to hold the file.
 */
export function storageVersionFor(
  file: StorageFormat,
  { storageVersion }: Pick<Wanted, 'storageVersion'>,
): string | undefined {
  const own = requiredStorageVersion(file)
  if (storageVersion !== undefined || own <= STABLE_VERSION) return storageVersion
  const known = STORAGE_VERSIONS.find(({ version }) => version === own)
  return known && `v${known.since}`
}

/**
 * True when a file is already in the format that the target writes, so that its bytes can be copied as they are; where no
 * format was asked for, in a newer one that the target knows too.
 */
export function alreadyWrittenBy(file: StorageFormat, target: Wanted): boolean {
  if (target.storageVersion === undefined && file.storageVersion > STABLE_VERSION)
    return requiredStorageVersion(file) <= newestVersionOf(target.release)
  const wanted = formatWrittenBy(target)
  if (file.storageVersion !== wanted.storageVersion) return false
  return wanted.serializationLevel === undefined || file.serializationLevel === wanted.serializationLevel
}

/** Whether something in a file may have been stored otherwise than later releases of the same storage version read it. */
export function mayBeOutdated({ writer }: { readonly writer?: string | undefined }): boolean {
  return writer !== undefined && compareReleases(writer, '0.10.0') < 0
}

function format(storageVersion: number): StorageFormat {
  const serializationLevel = storageVersion > STABLE_VERSION ? storageVersion - LEVEL_OFFSET : undefined
  return { storageVersion, serializationLevel }
}

/** Whether a release can make a TIMESTAMP_NS with nanoseconds: `make_timestamp_ns` came with 1.2 (tried: not in 1.1.3). */
export function canMakeNanos(release: string): boolean {
  return compareReleases(release, '1.2.0') >= 0
}
