import type { ReadBytes } from './blocks.js'
import type { ObjectName } from '../catalog/catalog.js'
import { eachPiece, namesDatabase, readStored, textEnd } from './stored-catalog.js'

/** A number that stands in a stored expression, without its sign. */
export type StoredNumber =
  { readonly kind: 'double'; readonly value: number } | { readonly kind: 'decimal'; readonly text: string }

/** The DOUBLEs and DECIMALs in a file's expressions, which look alike where an engine of 0.6 – 0.8 prints them. */
export interface StoredNumbers {
  /** Those of a table or macro, in the order in which they are stored; of all others where that is not known. */
  of(kind: 'table' | 'macro', object: ObjectName): readonly StoredNumber[]
}

/** More than any catalog that an engine lists in bearable time. */
const MOST_BLOCKS = 4096

/**
 * The numbers in the expressions of a file of 0.6 – 0.8; undefined for other files. `readWal`: its WAL, if it has one; it
 * is not known which object is made there.
 */
export async function readStoredNumbers(
  read: ReadBytes,
  storageVersion: number,
  readWal: ReadBytes | undefined,
): Promise<StoredNumbers | undefined> {
  const databaseFirst = namesDatabase(storageVersion)
  if (databaseFirst === undefined) return undefined
  const stored = (await readStored(read, MOST_BLOCKS)) ?? Buffer.alloc(0)
  const own = new Map<string, readonly StoredNumber[]>()
  let schema = ''
  const known = eachPiece(stored, storageVersion, (piece, bytes) => {
    if (piece === 'schema') schema = textAt(bytes, 0)
    if (piece !== 'table' && piece !== 'macro') return
    // Before the name of a table comes its schema; before that of a macro only up to 0.7.
    const name = piece === 'macro' && databaseFirst ? textAt(bytes, 0) : textAt(bytes, textEnd(bytes, 0))
    own.set(key(piece, { schema, name }), numbersIn(bytes))
  })
  const elsewhere = [...(known ? [] : numbersIn(stored)), ...(readWal ? await numbersInWal(readWal) : [])]
  return { of: (kind, object) => [...(own.get(key(kind, object)) ?? []), ...elsewhere] }
}

/** A WAL may be bigger than the memory. */
const CHUNK = 8_000_000

async function numbersInWal(read: ReadBytes): Promise<StoredNumber[]> {
  const found: StoredNumber[] = []
  for (let at = 0; ; at += CHUNK) {
    const bytes = Buffer.from(await read(at, CHUNK + MOST_BYTES))
    found.push(...placed(bytes).flatMap(({ at, number }) => (at < CHUNK ? [number] : [])))
    if (bytes.length <= CHUNK) return found
  }
}

function key(kind: 'table' | 'macro', { schema, name }: ObjectName): string {
  return `${kind}\0${schema}\0${name}`
}

function textAt(bytes: Buffer, start: number): string {
  return bytes.toString('utf8', start + 4, textEnd(bytes, start))
}

/*
 * A constant: a frame of two fields, which are its type and whether it is NULL, and its bytes. The type is a frame too: an
 * id, the kind of what else it has, and a name. The same in DuckDB 0.6.1, 0.7.1 and 0.8.1, `Value::Serialize` and
 * `LogicalType::Serialize`.
 */
const frame = (fields: number, length: number): number[] => [fields, 0, 0, 0, length, 0, 0, 0, 0, 0, 0, 0]
const NO_NAME = [0, 0, 0, 0]
const NOT_NULL = 0
const DOUBLE = [...frame(3, 6), 23, 0, ...NO_NAME, NOT_NULL]
const DECIMAL = [...frame(5, 8), 21, 2]
const FRAME_BYTES = 12
/** A constant is no longer than this. */
const MOST_BYTES = 64

/** Every DOUBLE and DECIMAL constant in stored bytes. */
export function numbersIn(bytes: Buffer): StoredNumber[] {
  return placed(bytes).map(({ number }) => number)
}

function placed(bytes: Buffer): { readonly at: number; readonly number: StoredNumber }[] {
  const double = Buffer.from([...frame(2, DOUBLE.length + 8), ...DOUBLE])
  const found: { readonly at: number; readonly number: StoredNumber }[] = []
  for (const at of places(bytes, double)) {
    const end = at + double.length
    if (end + 8 > bytes.length) continue
    found.push({ at, number: { kind: 'double', value: Math.abs(bytes.readDoubleLE(end)) } })
  }
  for (const at of places(bytes, Buffer.from(DECIMAL))) {
    const number = decimalAt(bytes, at)
    if (number) found.push({ at: at - FRAME_BYTES, number })
  }
  return found.sort((a, b) => a.at - b.at)
}

/** `type`: where that of a constant begins. */
function decimalAt(bytes: Buffer, type: number): StoredNumber | undefined {
  const [width, scale] = [bytes[type + DECIMAL.length], bytes[type + DECIMAL.length + 1]]
  const at = type + DECIMAL.length + 2 + NO_NAME.length + 1
  if (width === undefined || scale === undefined || width > 38 || scale > width) return undefined
  const size = [4, 9, 18].reduce((bytes, most) => (width > most ? 2 * bytes : bytes), 2)
  if (type < FRAME_BYTES || at + size > bytes.length || bytes.readUInt32LE(type - FRAME_BYTES) !== 2)
    return undefined
  const unscaled =
    size === 16
      ? hugeAt(bytes, at)
      : BigInt(size === 8 ? bytes.readBigInt64LE(at) : bytes.readIntLE(at, size))
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const dot = digits.length - scale
  return { kind: 'decimal', text: `${digits.slice(0, dot)}.${digits.slice(dot)}` }
}

function hugeAt(bytes: Buffer, at: number): bigint {
  return (bytes.readBigInt64LE(at + 8) << 64n) | bytes.readBigUInt64LE(at)
}

function* places(bytes: Buffer, pattern: Buffer): Generator<number> {
  for (let at = bytes.indexOf(pattern); at >= 0; at = bytes.indexOf(pattern, at + 1)) yield at
}
