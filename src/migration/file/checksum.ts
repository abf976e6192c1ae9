const MULTIPLIER = 0xbf58476d1ce4e5b9n
const SEED = 5381n

/** Bytes of each of the three header blocks; the checksum is the first eight of them. */
export const HEADER_BLOCK = 4096

/**
 * Whether a header block of 4096 bytes carries the checksum of its content. Source: DuckDB `checksum.cpp`, the same
 * from 0.4 to 1.5 (tried with the engines). It is no defence against malice, only against damage.
 */
export function checksumHolds(block: Uint8Array): boolean {
  const view = new DataView(block.buffer, block.byteOffset, HEADER_BLOCK)
  return view.getBigUint64(0, true) === headerChecksum(block)
}

/** The checksum that belongs at the start of a header block of 4096 bytes. */
export function headerChecksum(block: Uint8Array): bigint {
  return blockChecksum(block.subarray(0, HEADER_BLOCK))
}

/** The checksum that belongs at the start of a block of any size, a multiple of 8 bytes. */
export function blockChecksum(block: Uint8Array): bigint {
  // A copy is aligned, and typed words are summed at half a gigabyte a second; the engine and this machine are little endian.
  const words = new BigUint64Array(new Uint8Array(block.subarray(8)).buffer)
  let sum = SEED
  for (const word of words) sum = BigInt.asUintN(64, sum ^ BigInt.asUintN(64, word * MULTIPLIER))
  return sum
}
