import { headerChecksum } from '../../src/migration/file/checksum.js'

const BLOCK = 4096

export interface Crafted {
  version: number | bigint
  writer?: string
  encrypted?: boolean
  /** Of the database header at 4096 and of the one at 8192. */
  first?: Partial<CraftedDatabaseHeader>
  second?: Partial<CraftedDatabaseHeader>
}

interface CraftedDatabaseHeader {
  iteration: number
  metaBlock: bigint
  freeList: bigint
  blockCount: number
  blockSize: number
  level: number
}

/** The three header blocks of a DuckDB file, checksums and all. */
export function craftHeader(wanted: Crafted): Buffer {
  const bytes = Buffer.alloc(3 * BLOCK)
  bytes.write('DUCK', 8, 'latin1')
  bytes.writeBigUInt64LE(BigInt(wanted.version), 12)
  if (wanted.encrypted === true) bytes.writeBigUInt64LE(1n, 20)
  bytes.write(wanted.writer ?? '', 52, 'latin1')
  writeDatabaseHeader(bytes.subarray(BLOCK, 2 * BLOCK), wanted.first ?? {})
  writeDatabaseHeader(bytes.subarray(2 * BLOCK), wanted.second ?? {})
  return seal(bytes)
}

/** Writes the checksums of whatever header blocks are there. */
export function seal(bytes: Buffer): Buffer {
  for (let start = 0; start < bytes.length; start += BLOCK) {
    bytes.writeBigUInt64LE(headerChecksum(bytes.subarray(start, start + BLOCK)), start)
  }
  return bytes
}

function writeDatabaseHeader(block: Buffer, header: Partial<CraftedDatabaseHeader>): void {
  const none = 0xffff_ffff_ffff_ffffn
  const {
    iteration = 0,
    metaBlock = none,
    freeList = none,
    blockCount = 0,
    blockSize = 0,
    level = 0,
  } = header
  const fields = [
    BigInt(iteration),
    metaBlock,
    freeList,
    BigInt(blockCount),
    BigInt(blockSize),
    2048n,
    BigInt(level),
  ]
  fields.forEach((field, i) => block.writeBigUInt64LE(field, 8 + 8 * i))
}
