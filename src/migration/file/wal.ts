import { DuckfleetError } from '../../errors.js'
import type { ReadBytes } from './blocks.js'

/** Endings of the files that DuckDB keeps beside `x.duckdb` and that hold committed rows (the last two from 1.5 on). */
export const WAL_SUFFIXES = ['.wal', '.wal.checkpoint', '.wal.recovery'] as const
export type WalSuffix = (typeof WAL_SUFFIXES)[number]

/** Entry that ends each transaction in the WAL of 0.3 – 0.8 (`WALType::WAL_FLUSH`). */
const FLUSH = 100

/**
 * Engines up to 0.8 drop the whole WAL when its end is torn, with one line on their output. A whole WAL ends with a
 * flush.
 * @throws DuckfleetError `corrupt`
 */
export function refuseTornWal(wal: { readonly size: number; readonly lastByte: number } | undefined): void {
  if (!wal || wal.size === 0 || wal.lastByte === FLUSH) return
  throw torn()
}

/** What `WALType::WAL_FLUSH` looks like from 0.9 on: field 100, the type, end of the entry. */
const FLUSH_ENTRY = [FLUSH, 0, FLUSH, 0xff, 0xff]
/** The type of the first entry, which tells the version of what follows. */
const VERSION_ENTRY = 98
/** From this version on every entry has a frame: size and checksum, 64 bits each. */
const FRAMED = 2
const FRAME_BYTES = 16
const HEAD_BYTES = 256

/**
 * Engines from 0.10 on leave out, without a word, a transaction that the end of the WAL cuts off. So its frames are
 * followed to the end, which must be that of a transaction. Damage inside a frame is found by the engine, which
 * checks its checksum. Source: DuckDB `wal_replay.cpp`, `write_ahead_log.cpp`.
 * @param size of the WAL, bytes.
 * @throws DuckfleetError `corrupt`
 */
export async function refuseTornFrames(read: ReadBytes, size: number): Promise<void> {
  if (size === 0) return
  const head = readVersion(await read(0, HEAD_BYTES))
  if (head === undefined || size < FLUSH_ENTRY.length) throw torn()
  let at = head.end
  while (head.framed && at < size) {
    const frame = await read(at, FRAME_BYTES)
    if (frame.length < FRAME_BYTES) throw torn()
    at += FRAME_BYTES + Number(new DataView(frame.buffer, frame.byteOffset).getBigUint64(0, true))
  }
  const tail = await read(size - FLUSH_ENTRY.length, FLUSH_ENTRY.length)
  const ended = FLUSH_ENTRY.every((byte, i) => tail[i] === byte)
  if (!ended || (head.framed && at !== size)) throw torn()
}

/** Where the first entry ends, if it tells a version; undefined when it is cut off. */
function readVersion(bytes: Uint8Array): { readonly framed: boolean; readonly end: number } | undefined {
  if (bytes[0] === FLUSH && bytes[1] === 0 && bytes[2] !== VERSION_ENTRY) return { framed: false, end: 0 }
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  let version = 1
  while (at + 2 <= bytes.length) {
    const field = (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0)
    at += 2
    if (field === 0xffff) return { framed: version >= FRAMED, end: at }
    const value = varint()
    if (field === 101) version = value
    // From 1.4 on the id of the database, byte by byte.
    if (field === 102) for (let i = 0; i < value && at < bytes.length; i++) varint()
  }
  return undefined
}

function torn(): DuckfleetError {
  return new DuckfleetError(
    'corrupt',
    'its .wal is torn or was copied while a transaction was being written: its last rows cannot be read. ' +
      'Get a whole copy, or open the file once with the release that wrote it and run CHECKPOINT',
  )
}
