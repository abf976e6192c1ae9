import { DuckfleetError } from '../../errors.js'
import { blockChecksum } from './checksum.js'
import { currentDatabaseHeader, type DatabaseHeader, HEADER_BYTES } from './header.js'

/** Bytes of a file; fewer than asked for at its end. */
export type ReadBytes = (offset: number, length: number) => Promise<Uint8Array>

/** A block starts with its checksum. */
const CHECKSUM_BYTES = 8
/** Metadata lies in 64 parts of a block, each of a multiple of 8 bytes. */
const PARTS = 64
const NO_BLOCK = 0xffff_ffff_ffff_ffffn
const ID_BITS = 56n

/**
 * Checks every block of a file of 0.9 or later that is in use against its checksum. Engines check a block when they
 * read it, and nobody who reads rows reads the blocks of an index. Source: DuckDB `single_file_block_manager.cpp`,
 * `metadata_reader.cpp`.
 * @throws DuckfleetError `corrupt`
 */
export async function checkBlocks(read: ReadBytes): Promise<void> {
  const header = currentDatabaseHeader(await read(0, HEADER_BYTES))
  if (header === undefined) throw damaged('it is cut off inside its headers')
  const free = await readFreeList(read, header)
  for (let id = 0; id < header.blockCount; id++) if (!free.has(BigInt(id))) await readBlock(read, header, id)
}

async function readBlock(read: ReadBytes, { blockSize }: DatabaseHeader, id: number): Promise<Uint8Array> {
  const offset = HEADER_BYTES + id * blockSize
  const block = await read(offset, blockSize)
  if (block.length < blockSize) throw damaged(`it is cut off after ${offset + block.length} bytes`)
  const stored = new DataView(block.buffer, block.byteOffset).getBigUint64(0, true)
  if (stored !== blockChecksum(block)) throw damaged(`the checksum of the block at byte ${offset} is wrong`)
  return block
}

/** The blocks that hold nothing: what is in them, or whether they were ever written, does not matter. */
async function readFreeList(read: ReadBytes, header: DatabaseHeader): Promise<ReadonlySet<bigint>> {
  const free = new Set<bigint>()
  if (header.freeList === NO_BLOCK) return free
  const words = readWords(read, header, header.freeList)
  const next = async (): Promise<bigint> => {
    const { value } = await words.next()
    if (value === undefined) throw damaged('its list of free blocks ends too early')
    return value
  }
  const count = await next()
  if (count > BigInt(header.blockCount)) throw damaged('its list of free blocks is longer than the file')
  while (BigInt(free.size) < count) {
    const id = await next()
    if (id >= BigInt(header.blockCount) || free.has(id))
      throw damaged('its list of free blocks makes no sense')
    free.add(id)
  }
  return free
}

/** The 64-bit words of metadata, from part to part; a part starts with a pointer to the one after it. */
async function* readWords(
  read: ReadBytes,
  header: DatabaseHeader,
  start: bigint,
): AsyncGenerator<bigint, undefined> {
  const size = Math.floor((header.blockSize - CHECKSUM_BYTES) / PARTS / 8) * 8
  let left = header.blockCount * PARTS
  for (let pointer = start; pointer !== NO_BLOCK; left--) {
    const id = Number(BigInt.asUintN(Number(ID_BITS), pointer))
    if (id >= header.blockCount || left === 0) throw damaged('its metadata points nowhere')
    const block = await readBlock(read, header, id)
    const part = CHECKSUM_BYTES + Number(pointer >> ID_BITS) * size
    const view = new DataView(block.buffer, block.byteOffset + part, size)
    for (let at = 8; at + 8 <= size; at += 8) yield view.getBigUint64(at, true)
    pointer = view.getBigUint64(0, true)
  }
  return undefined
}

function damaged(how: string): DuckfleetError {
  return new DuckfleetError('corrupt', `the file is damaged: ${how}; copy it again, or restore a backup`)
}
