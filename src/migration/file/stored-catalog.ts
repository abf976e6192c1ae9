import { createHash } from 'node:crypto'
import type { ReadBytes } from './blocks.js'
import { currentDatabaseHeader, HEADER_BYTES } from './header.js'

/** How a release stores what is not framed, by storage version. Others are not known here. */
interface Layout {
  /** Bytes of the pointer to a table's rows. */
  readonly rowsPointer: number
  /** Does a table name its database, and does a macro start with the head of a CREATE statement? */
  readonly namesDatabase: boolean
}

/** 0.6, 0.7 and 0.8. */
const LAYOUTS: ReadonlyMap<number, Layout> = new Map([
  [39, { rowsPointer: 16, namesDatabase: false }],
  [43, { rowsPointer: 16, namesDatabase: false }],
  [51, { rowsPointer: 24, namesDatabase: true }],
])

export const BLOCK = 262_144
const CHECKSUM_BYTES = 8
const LINK_BYTES = 8
/** Bytes of a block before the catalog: its checksum, and which block comes next. */
export const BLOCK_HEAD = CHECKSUM_BYTES + LINK_BYTES
const NO_BLOCK = -1n
/** A catalog of more blocks than this is not worth keeping: in memory it takes several times as much. */
const MOST_BLOCKS = 4

/** Bytes of a pointer to an index: of one that belongs to a constraint, and of one that has a name. */
const KEY_POINTER = 16
const INDEX_POINTER = 12

/** A sequence behind its two names: how often it was used, increment, least, most, where it stands, whether it cycles. */
const SEQUENCE = { used: 8, limits: 24, position: 8, cycle: 1 }

/**
 * A digest of every object that a file of 0.6 – 0.8 stores: of its schemas, types, sequences, tables, views, macros and
 * indexes, but not of how far its sequences have come, nor of where the rows lie, nor of the file's name. Files of the
 * same digest give the same catalog, but for where their sequences go on. Undefined where the layout is not the known one: then the catalog has to be asked for.
 * Without the engine, which takes longer to list a catalog than to read the rows of a small file.
 *
 * Source: DuckDB 0.6.1, 0.7.1 and 0.8.1, `checkpoint_manager.cpp`, `field_writer.cpp`, `table_data_writer.cpp`.
 */
export async function storedCatalogDigest(
  read: ReadBytes,
  storageVersion: number,
): Promise<string | undefined> {
  const stored = await readStored(read, MOST_BLOCKS)
  if (stored === undefined) return undefined
  const hash = createHash('sha256').update(`${storageVersion}`)
  const known = eachPiece(stored, storageVersion, (name, bytes) => {
    hash.update(`\0${name} ${bytes.length}\0`).update(bytes)
  })
  return known ? hash.digest('hex') : undefined
}

/** Gets what is stored, piece by piece: of an object its frame, and what stands before it, under names. */
export type Sink = (name: string, bytes: Buffer) => void

/** Does a release store the name of the database with each object? Undefined of a release that is not known. */
export function namesDatabase(storageVersion: number): boolean | undefined {
  return LAYOUTS.get(storageVersion)?.namesDatabase
}

/** Goes through a stored catalog; false where its layout is not the known one, after any number of pieces. */
export function eachPiece(stored: Buffer, storageVersion: number, sink: Sink): boolean {
  const layout = LAYOUTS.get(storageVersion)
  if (layout === undefined) return false
  try {
    readSchemas(new StoredReader(stored, sink), layout)
    return true
  } catch (error) {
    if (error instanceof UnknownLayout) return false
    throw error
  }
}

class UnknownLayout extends Error {}

/**
 * The chain of blocks that starts with the catalog; undefined when there is none, or an endless one, or one of more than
 * `most` blocks.
 */
export async function readStored(read: ReadBytes, most: number): Promise<Buffer | undefined> {
  const header = currentDatabaseHeader(await read(0, HEADER_BYTES))
  if (header === undefined) return undefined
  const pieces: Uint8Array[] = []
  for (let id = BigInt.asIntN(64, header.metaBlock); id !== NO_BLOCK;) {
    const offset = HEADER_BYTES + Number(id) * BLOCK + CHECKSUM_BYTES
    if (id < 0n || !Number.isSafeInteger(offset) || pieces.length === most) return undefined
    const block = await read(offset, BLOCK - CHECKSUM_BYTES)
    if (block.length < BLOCK - CHECKSUM_BYTES) return undefined
    id = new DataView(block.buffer, block.byteOffset).getBigInt64(0, true)
    pieces.push(block.subarray(LINK_BYTES))
  }
  return pieces.length === 0 ? undefined : Buffer.concat(pieces)
}

function readSchemas(stored: StoredReader, { rowsPointer, namesDatabase }: Layout): void {
  const schemas = stored.number32()
  stored.note('schemas', schemas)
  for (let schema = 0; schema < schemas; schema++) {
    stored.frame('schema')
    const [types, sequences, tables, views, macros, tableMacros, indexes] = stored.counts()
    times(types, () => {
      stored.frame('type')
    })
    times(sequences, () => {
      stored.sequence()
    })
    times(tables, () => {
      if (namesDatabase) stored.frameAfterText('table')
      else stored.frame('table')
      stored.skip(rowsPointer)
      stored.skip(stored.number64() * KEY_POINTER)
    })
    times(views, () => {
      stored.frame('view')
    })
    times(macros + tableMacros, () => {
      if (namesDatabase) stored.createHead()
      stored.frame('macro')
    })
    times(indexes, () => {
      stored.frame('index')
      stored.skip(INDEX_POINTER)
    })
  }
}

function times(count: number, run: () => void): void {
  for (let i = 0; i < count; i++) run()
}

type Counts = readonly [number, number, number, number, number, number, number]

/** Goes through stored bytes, and passes on what counts. Throws {@link UnknownLayout} at their end. */
class StoredReader {
  private at = 0

  constructor(
    private readonly bytes: Buffer,
    private readonly sink: Sink,
  ) {}

  number32(): number {
    return this.take(4).readUInt32LE()
  }

  number64(): number {
    return Number(this.take(8).readBigUInt64LE())
  }

  skip(length: number): void {
    this.take(length)
  }

  /** Passes on a number under a name. */
  note(name: string, value: number): void {
    this.sink(name, Buffer.from(String(value)))
  }

  /** Passes on a frame: how many fields it has, and its bytes. */
  frame(name: string): void {
    this.sink(name, this.nextFrame())
  }

  /** A frame without its first text. */
  frameAfterText(name: string): void {
    const frame = this.nextFrame()
    this.sink(name, frame.subarray(textEnd(frame, 0)))
  }

  /**
   * A sequence's frame, but for how far it has come. It has to end where its fields do: the engine reads one field after
   * another, whatever length the frame claims, and what came behind them would be another object.
   */
  sequence(): void {
    const frame = this.nextFrame()
    const names = textEnd(frame, textEnd(frame, 0))
    const limits = names + SEQUENCE.used
    const position = limits + SEQUENCE.limits
    const cycle = position + SEQUENCE.position
    if (frame.length !== cycle + SEQUENCE.cycle) throw new UnknownLayout()
    this.sink('names', frame.subarray(0, names))
    this.sink('limits', frame.subarray(limits, position))
    this.sink('cycle', frame.subarray(cycle))
  }

  /** How many types, sequences, tables, views, macros, table macros and indexes a schema has. */
  counts(): Counts {
    const frame = this.nextFrame()
    if (frame.length !== 28) throw new UnknownLayout()
    this.sink('counts', frame)
    const count = (i: number): number => frame.readUInt32LE(4 * i)
    return [count(0), count(1), count(2), count(3), count(4), count(5), count(6)]
  }

  /** The head of a CREATE statement: its kind, database, schema, three switches, and its text. */
  createHead(): void {
    this.sink('kind', this.take(1))
    this.take(this.number32())
    this.sink('in', this.take(this.number32()))
    this.sink('switches', this.take(3))
    this.sink('sql', this.take(this.number32()))
  }

  private nextFrame(): Buffer {
    const fields = this.number32()
    const frame = this.take(this.number64())
    this.note('fields', fields)
    return frame
  }

  private take(length: number): Buffer {
    const end = this.at + length
    if (!(end <= this.bytes.length)) throw new UnknownLayout()
    const taken = this.bytes.subarray(this.at, end)
    this.at = end
    return taken
  }
}

/** Offset of what follows the text at `start`. */
export function textEnd(bytes: Buffer, start: number): number {
  const end = start + 4 + (start + 4 <= bytes.length ? bytes.readUInt32LE(start) : 0)
  if (end > bytes.length) throw new UnknownLayout()
  return end
}
