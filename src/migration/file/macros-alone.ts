import { blockChecksum, headerChecksum, HEADER_BLOCK } from './checksum.js'
import type { ReadBytes } from './blocks.js'
import { HEADER_BYTES } from './header.js'
import { BLOCK, BLOCK_HEAD, eachPiece, readStored } from './stored-catalog.js'

/** Storage versions of 0.6 and 0.7, whose engines drop no table here: see {@link macrosAlone}. */
const READ_ONLY_VERSIONS: ReadonlySet<number> = new Set([39, 43])

/** A catalog of more blocks than this is not looked at. */
const MOST_BLOCKS = 64
const NO_BLOCK = 0xffff_ffff_ffff_ffffn

/** Where the numbers of macros and table macros stand in the counts of a schema. */
const MACRO_COUNTS = [4, 5]

/**
 * A database with the schemas and macros of a file, and nothing else: EXPORT DATABASE prints macros whole, but writes every
 * row too, and breaks the engines of 0.6 and 0.7 on some types. Undefined of other releases, and where the layout is not
 * the known one. Source: DuckDB 0.6.1 and 0.7.1, `checkpoint_manager.cpp`, `single_file_block_manager.cpp`.
 */
export async function macrosAlone(read: ReadBytes, storageVersion: number): Promise<Uint8Array | undefined> {
  if (!READ_ONLY_VERSIONS.has(storageVersion)) return undefined
  const stored = await readStored(read, MOST_BLOCKS)
  const catalog = stored && catalogOfMacros(stored, storageVersion)
  return catalog && asDatabase(await read(0, HEADER_BYTES), catalog)
}

function catalogOfMacros(stored: Buffer, storageVersion: number): Buffer | undefined {
  const parts: Buffer[] = []
  let fields = 0
  const frame = (content: Buffer): void => {
    const head = Buffer.alloc(12)
    head.writeUInt32LE(fields)
    head.writeBigUInt64LE(BigInt(content.length), 4)
    parts.push(head, content)
  }
  const known = eachPiece(stored, storageVersion, (piece, bytes) => {
    if (piece === 'fields') fields = Number(bytes.toString())
    else if (piece === 'schemas') parts.push(number32(Number(bytes.toString())))
    else if (piece === 'counts') frame(macroCounts(bytes))
    else if (piece === 'schema' || piece === 'macro') frame(bytes)
  })
  return known ? Buffer.concat(parts) : undefined
}

function macroCounts(counts: Buffer): Buffer {
  const kept = Buffer.alloc(counts.length)
  for (const i of MACRO_COUNTS) counts.copy(kept, 4 * i, 4 * i, 4 * i + 4)
  return kept
}

function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** `head`: the headers of the source; the first one says the release. */
function asDatabase(head: Uint8Array, catalog: Buffer): Uint8Array {
  const room = BLOCK - BLOCK_HEAD
  const blocks = Math.ceil(catalog.length / room)
  const file = Buffer.alloc(HEADER_BYTES + blocks * BLOCK)
  file.set(head.subarray(0, HEADER_BLOCK))
  for (const start of [HEADER_BLOCK, 2 * HEADER_BLOCK]) {
    const header = file.subarray(start, start + HEADER_BLOCK)
    // Which of the two is the current one: the later.
    header.writeBigUInt64LE(BigInt(start), 8)
    header.writeBigUInt64LE(0n, 16)
    header.writeBigUInt64LE(NO_BLOCK, 24)
    header.writeBigUInt64LE(BigInt(blocks), 32)
    header.writeBigUInt64LE(headerChecksum(header))
  }
  for (let id = 0; id < blocks; id++) {
    const block = file.subarray(HEADER_BYTES + id * BLOCK, HEADER_BYTES + (id + 1) * BLOCK)
    block.writeBigUInt64LE(id + 1 < blocks ? BigInt(id + 1) : NO_BLOCK, 8)
    catalog.copy(block, BLOCK_HEAD, id * room, (id + 1) * room)
    block.writeBigUInt64LE(blockChecksum(block))
  }
  return file
}
