import { DuckfleetError, asDuckfleetError } from '../errors.js'
import { HEADER_BYTES, parseHeader, requireDatabase } from '../migration/file/header.js'
import type { StorageHeader } from '../migration/file/header.js'
import { alreadyWrittenBy } from '../migration/file/releases.js'
import type { Target } from '../migration/upgrade.js'
import { WAL_SUFFIXES } from '../migration/file/wal.js'
import type { Found, Store, StoredFile } from '../store/port.js'

/** A file in a store. */
interface Place {
  readonly store: Store
  readonly key: string
}

export interface Places {
  readonly source: Place
  readonly destination: Place
}

/**
 * What is to be done with a file that can be read: the bytes are right already, or have to be written anew, or the
 * destination is there and may be what this very job wrote before (its worker died, or the message came twice).
 */
export type Action = 'copy' | 'migrate' | 'compare'

/** What is known of a file before anything of it is downloaded. */
export type Examination = {
  readonly file: StoredFile
  readonly header: StorageHeader
  /** The first bytes of the file, or all of them. */
  readonly head: Uint8Array
  /** Bytes of the source and its WALs. */
  readonly bytesIn: number
} &
  /** `existing`: the destination that is to be replaced. */
  (
    | { readonly action: Exclude<Action, 'compare'>; readonly existing: StoredFile | undefined }
    | { readonly action: 'compare'; readonly existing: StoredFile }
  )

export interface ExaminePolicy {
  readonly target: Target
  /** What becomes of a destination that is there: it is refused, replaced, or compared with the source. */
  readonly existing: 'refuse' | 'replace' | 'compare'
  /**
   * Milliseconds since 1970: with `replace`, a destination that was written then or later is compared nevertheless. It is what
   * this very job wrote before, or somebody works with it already; where seconds are all that is known, it may be.
   */
  readonly replaceUntil?: number | undefined
  /** The destination is the source, and a backup is kept. */
  readonly inPlace: boolean
  /** Throws a DuckfleetError `unreadable` when the file is encrypted or no installed engine opens it. */
  readonly assertReadable: (header: StorageHeader) => void
}

/**
 * Looks at a file and decides, having read 12 KiB of it, or all of a small one. Throws a DuckfleetError: `unreadable` for what is to be
 * skipped, `usage` for a destination that may not be written, and what the store throws. `onHeader` is told what the
 * header says, even if the file is refused for it.
 */
export async function examine(
  { source, destination }: Places,
  policy: ExaminePolicy,
  onHeader: (header: StorageHeader, bytesIn: number) => void,
  signal: AbortSignal,
): Promise<Examination> {
  const path = source.store.describe(source.key)
  const { file } = await source.store.stat(source.key, signal)
  if (file === undefined) throw new DuckfleetError('usage', `there is no file ${path}; check the path`)
  const bytesIn = file.wals.reduce((sum, wal) => sum + wal.size, file.size)
  // Side by side: the job of a small file is mostly waiting for its store.
  const [head, there] = await Promise.allSettled([
    source.store.readHead(source.key, file, headLength(source.store, file), signal),
    destination.store.stat(destination.key, signal),
  ])
  // What is wrong with the source comes first, whatever its destination says.
  if (head.status === 'rejected') throw head.reason
  const read = { file, head: head.value }
  const found = parseHeader(read.head, file.size)
  if (found.kind !== 'not-a-database' && found.header !== undefined) onHeader(found.header, bytesIn)
  const header = requireDatabase(found, path)
  assertOpens(header, path, policy)
  if (there.status === 'rejected') throw there.reason
  const existing = checkDestination(file, destination, there.value, policy)
  if (existing !== undefined && isCompared(existing, policy))
    return { ...read, header, action: 'compare', existing, bytesIn }
  // Rows in a WAL are not in the file yet: its bytes alone would lose them.
  const asIs = file.wals.length === 0 && alreadyWrittenBy(header, policy.target)
  return { ...read, header, action: asIs ? 'copy' : 'migrate', existing, bytesIn }
}

/** Bytes that tell what a file is, and all of it where another request would cost more. */
export function headLength({ atOnce }: Store, { size }: StoredFile): number {
  return size <= atOnce ? size : HEADER_BYTES
}

function isCompared(
  { writtenAt }: StoredFile,
  { existing, replaceUntil = Infinity, inPlace }: ExaminePolicy,
): boolean {
  return !inPlace && (existing === 'compare' || (existing === 'replace' && writtenAt >= replaceUntil))
}

function assertOpens(header: StorageHeader, path: string, { assertReadable }: ExaminePolicy): void {
  try {
    assertReadable(header)
  } catch (error) {
    const { code, message } = asDuckfleetError(error)
    throw new DuckfleetError(code, `${path}: ${message}`, { cause: error })
  }
}

/** What is there already, and may be replaced or compared. */
function checkDestination(
  source: StoredFile,
  { store, key }: Place,
  { file: existing, wals: [wal] }: Found,
  policy: ExaminePolicy,
): StoredFile | undefined {
  const path = store.describe(key)
  const same = existing?.identity === source.identity
  if (policy.inPlace) {
    if (!same)
      throw new DuckfleetError('usage', `${path} is not the source, but an upgrade in place was asked for`)
    return existing
  }
  if (same) {
    throw new DuckfleetError(
      'usage',
      `${path} is the source itself, which is never written; choose another destination, or upgrade it in place ` +
        '(--in-place), which keeps a backup',
    )
  }
  const suffix = WAL_SUFFIXES.find((ending) => key.endsWith(ending))
  if (suffix !== undefined) {
    throw new DuckfleetError(
      'usage',
      `${path} is what DuckDB calls the WAL of ${store.describe(key.slice(0, -suffix.length))}, and would take it for; ` +
        'choose another destination',
    )
  }
  if (existing !== undefined && policy.existing === 'refuse') {
    throw new DuckfleetError(
      'usage',
      `${path} exists already; allow overwriting (--overwrite), or choose another destination`,
    )
  }
  if (wal !== undefined) {
    throw new DuckfleetError(
      'usage',
      `${path}${wal.suffix} lies at the destination, and DuckDB would replay it into the new file; close what has ` +
        'that database open, or move the WAL away, then run again',
    )
  }
  return existing
}
