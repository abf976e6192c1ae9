import { DuckfleetError } from '../../errors.js'
import { checksumHolds, HEADER_BLOCK } from './checksum.js'
import { describeForeignFile } from './foreign-file.js'
import { isKnownStorageVersion, releasesOf, requiredStorageVersion } from './releases.js'

/** What the first 12 KiB of a file say of it. Offsets: DuckDB `MainHeader`, `DatabaseHeader`. */
export interface StorageHeader {
  /** Number at offset 12, such as 39 or 64. */
  readonly storageVersion: number
  /** Release that created the file, such as `1.4.4`; undefined below storage version 64 or where it is not recorded. */
  readonly writer: string | undefined
  /** Releases that write this storage version, for people, such as `0.6` or `0.9 – 1.5`. */
  readonly releases: string
  /** `DatabaseHeader` serialization level, from storage version 65 on. */
  readonly serializationLevel: number | undefined
  readonly encrypted: boolean
}

/**
 * What {@link parseHeader} found. `corrupt`: it says it is a DuckDB database, but no engine can open it, as the
 * reason tells; `header` is there when enough of it is. Reasons are phrases without the file's name.
 */
export type HeaderResult =
  | { readonly kind: 'database'; readonly header: StorageHeader }
  | { readonly kind: 'corrupt'; readonly header: StorageHeader | undefined; readonly reason: string }
  | { readonly kind: 'not-a-database'; readonly reason: string }

/** Bytes at the start of a file that say everything this module wants to know. */
export const HEADER_BYTES = 3 * HEADER_BLOCK

const MAIN_FIELDS_END = 116
const DEFAULT_BLOCK_SIZE = 262_144
const FIRST_WITH_FLAGS = 64
const FIRST_WITH_LEVEL = 65
/** Before it nothing was checked against real engines, and no engine of ours reads it. */
const FIRST_WITH_KNOWN_LAYOUT = 33
const NO_BLOCK = 0xffff_ffff_ffff_ffffn
/** From version 64 on the high byte of a metadata pointer is a position inside the block. */
const BLOCK_ID_MASK = 0x00ff_ffff_ffff_ffffn

/**
 * Reads the headers of a DuckDB file.
 * @param bytes the first {@link HEADER_BYTES} of the file. Fewer will do when that is all there is, or when only
 *   the first 4 KiB were fetched: then nothing is known of the serialization level and of later damage.
 * @param fileSize size of the whole file, bytes.
 */
export function parseHeader(bytes: Uint8Array, fileSize: number): HeaderResult {
  if (!hasMagic(bytes)) return { kind: 'not-a-database', reason: describeForeignFile(bytes, fileSize) }
  if (bytes.length < MAIN_FIELDS_END) return { kind: 'corrupt', header: undefined, reason: cutAt(fileSize) }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const storageVersion = Number(view.getBigUint64(12, true))
  if (storageVersion === 0) {
    return {
      kind: 'not-a-database',
      reason: 'marked as DuckDB, but of storage version 0, which no release writes',
    }
  }
  const current = currentDatabaseHeader(bytes)
  const header = readFields(bytes, view, storageVersion, current)
  const damage = findDamage(bytes, header, current, fileSize)
  return damage === undefined ? { kind: 'database', header } : { kind: 'corrupt', header, reason: damage }
}

/**
 * The header of a file that is a database.
 * @param file its name, for the message.
 * @throws DuckfleetError `unreadable` when it is no database, `corrupt` when it is a damaged one.
 */
export function requireDatabase(result: HeaderResult, file: string): StorageHeader {
  switch (result.kind) {
    case 'database':
      return result.header
    case 'corrupt':
      throw new DuckfleetError('corrupt', `${file} is damaged: ${result.reason}`)
    case 'not-a-database':
      throw new DuckfleetError('unreadable', `${file} is not a DuckDB database: it is ${result.reason}`)
    default:
      return result satisfies never
  }
}

/** One line for people: `storage version 64 (DuckDB 0.9 – 1.5), created by 1.4.4`. */
export function describeHeader(header: StorageHeader): string {
  const parts = [`storage version ${header.storageVersion} (DuckDB ${header.releases})`]
  if (header.writer !== undefined) parts.push(`created by ${header.writer}`)
  if (header.serializationLevel !== undefined) parts.push(`serialization level ${header.serializationLevel}`)
  if (header.encrypted) parts.push('encrypted')
  return parts.join(', ')
}

/** One of the two database headers. */
export interface DatabaseHeader {
  readonly iteration: bigint
  readonly metaBlock: bigint
  readonly freeList: bigint
  /** Blocks after the headers, with those that are free. */
  readonly blockCount: number
  readonly blockSize: number
  readonly serializationLevel: number
}

function hasMagic(bytes: Uint8Array): boolean {
  return bytes[8] === 0x44 && bytes[9] === 0x55 && bytes[10] === 0x43 && bytes[11] === 0x4b
}

function readFields(
  bytes: Uint8Array,
  view: DataView,
  storageVersion: number,
  current: DatabaseHeader | undefined,
): StorageHeader {
  const encrypted = storageVersion >= FIRST_WITH_FLAGS && (view.getBigUint64(20, true) & 1n) === 1n
  // The database headers of an encrypted file are encrypted too: nothing in them can be read.
  const hasLevel = storageVersion >= FIRST_WITH_LEVEL && !encrypted && isKnownStorageVersion(storageVersion)
  const serializationLevel = hasLevel ? current?.serializationLevel : undefined
  return {
    storageVersion,
    writer: storageVersion >= FIRST_WITH_FLAGS ? readWriter(bytes.subarray(52, 84)) : undefined,
    releases: releasesOf(requiredStorageVersion({ storageVersion, serializationLevel })),
    serializationLevel,
    encrypted,
  }
}

/** The field is the file's to fill, so only plain text is taken from it. */
function readWriter(field: Uint8Array): string | undefined {
  const text = new TextDecoder('latin1').decode(field).replace(/\0.*$/s, '')
  return /^v?[\w.+-]+$/.test(text) ? text.replace(/^v/, '') : undefined
}

/** The database header that counts. Engines take the second on equal iterations, as in a new file. */
export function currentDatabaseHeader(bytes: Uint8Array): DatabaseHeader | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  const first = readDatabaseHeader(bytes, HEADER_BLOCK)
  const second = readDatabaseHeader(bytes, 2 * HEADER_BLOCK)
  return first.iteration > second.iteration ? first : second
}

function readDatabaseHeader(bytes: Uint8Array, start: number): DatabaseHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, HEADER_BLOCK)
  return {
    iteration: view.getBigUint64(8, true),
    metaBlock: view.getBigUint64(16, true),
    freeList: view.getBigUint64(24, true),
    blockCount: Number(view.getBigUint64(32, true)),
    // Not recorded below version 64.
    blockSize: Number(view.getBigUint64(40, true)) || DEFAULT_BLOCK_SIZE,
    serializationLevel: Number(view.getBigUint64(56, true)),
  }
}

/** Why no engine would open the file, or undefined. A layout that is not known, or encrypted, cannot be judged. */
function findDamage(
  bytes: Uint8Array,
  header: StorageHeader,
  current: DatabaseHeader | undefined,
  fileSize: number,
): string | undefined {
  const { storageVersion, encrypted } = header
  const known = storageVersion >= FIRST_WITH_KNOWN_LAYOUT && isKnownStorageVersion(storageVersion)
  if (encrypted || !known) return undefined
  if (fileSize < HEADER_BYTES) return cutAt(fileSize)
  // Engines check all of them, and refuse the file when one is wrong.
  for (let start = 0; start + HEADER_BLOCK <= Math.min(bytes.length, HEADER_BYTES); start += HEADER_BLOCK) {
    if (!checksumHolds(bytes.subarray(start, start + HEADER_BLOCK))) {
      return `the checksum of the header at byte ${start} is wrong`
    }
  }
  return current === undefined ? undefined : findCut(storageVersion, current, fileSize)
}

/**
 * The catalog's first block and the free list's are on disk before a header names them, so a file that ends before
 * them was cut. The block count is no such measure: it counts blocks that were reserved and never written.
 */
function findCut(storageVersion: number, current: DatabaseHeader, fileSize: number): string | undefined {
  for (const pointer of [current.metaBlock, current.freeList]) {
    if (pointer === NO_BLOCK) continue
    const block = storageVersion >= FIRST_WITH_FLAGS ? pointer & BLOCK_ID_MASK : pointer
    if (HEADER_BYTES + (Number(block) + 1) * current.blockSize > fileSize) return cutAt(fileSize)
  }
  return undefined
}

function cutAt(fileSize: number): string {
  return `it is cut off after ${fileSize.toLocaleString('en-US')} bytes, and its content is missing; copy it again`
}
