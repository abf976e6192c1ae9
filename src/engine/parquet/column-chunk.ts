import type { ArrowLayout } from './column-type.js'
import { GrowingBytes } from './growing-bytes.js'
import { varint } from './thrift.js'

/** A column of an Arrow batch, as `apache-arrow` gives it. */
export interface ArrowColumn {
  readonly length: number
  readonly nullCount: number
  /** Of the first value; values, offsets and null bits are counted from it. */
  readonly offset: number
  readonly values: ArrayBufferView<ArrayBuffer>
  readonly valueOffsets: Int32Array
  /** A bit for each value, 1 where there is one. */
  readonly nullBitmap: Uint8Array
}

/** Up to this many bytes copying one by one is faster than a call. */
const SHORT = 24

/** One column of a row group: its values without the NULLs, in Parquet's PLAIN encoding, and where there are NULLs. */
export class ColumnChunk {
  private readonly values = new GrowingBytes()
  /** A bit for each row, 1 where there is a value; kept only from the first NULL on. */
  private readonly present = new GrowingBytes()
  private rows = 0
  private nulls = 0
  /** Bits of a BOOLEAN column. */
  private bits = 0

  constructor(private readonly layout: ArrowLayout) {}

  /** Bytes that it will take in the file, nearly. */
  get size(): number {
    return this.values.length + this.present.length
  }

  /** Appends the rows from `from` to before `to` of a batch. */
  append(column: ArrowColumn, from: number, to: number): void {
    if (column.offset !== 0) throw new Error('a batch of Arrow data begins in the middle of its buffers')
    if (column.nullCount < column.length && column.values.byteLength < arrowBytes(this.layout, column, to))
      throw new Error('a batch of Arrow data has fewer values than rows')
    const isNull = column.nullCount > 0 ? nullTest(column.nullBitmap) : undefined
    this.notePresence(isNull, from, to)
    this.appendValues(column, from, to, isNull ?? never)
    this.rows += to - from
  }

  /** The content of a data page: levels, then values. Valid until `clear`. */
  page(): readonly [Uint8Array, Uint8Array] {
    return [this.levels(), this.values.content()]
  }

  clear(): void {
    this.values.clear()
    this.present.clear()
    this.rows = 0
    this.nulls = 0
    this.bits = 0
  }

  /** Definition levels in the hybrid of runs and bits, behind their length in four bytes. */
  private levels(): Uint8Array {
    const header: number[] = []
    if (this.nulls === 0) {
      varint(header, this.rows * 2)
      header.push(1)
      return withLength(header, new Uint8Array(0))
    }
    const groups = Math.ceil(this.rows / 8)
    varint(header, groups * 2 + 1)
    return withLength(header, this.present.bytes.subarray(0, groups))
  }

  private notePresence(isNull: NullTest | undefined, from: number, to: number): void {
    if (isNull === undefined && this.nulls === 0) return
    const { present } = this
    const after = this.rows + to - from
    if (this.nulls === 0) setBits(present, 0, this.rows)
    growBits(present, after)
    for (let i = from, row = this.rows; i < to; i++, row++) {
      if (isNull?.(i) === true) this.nulls++
      else present.bytes[row >> 3] = (present.bytes[row >> 3] ?? 0) | (1 << (row & 7))
    }
    // Without a NULL in these rows there is nothing to tell yet.
    if (this.nulls === 0) present.clear()
  }

  private appendValues(column: ArrowColumn, from: number, to: number, isNull: NullTest): void {
    const { layout } = this
    switch (layout.kind) {
      case 'bits':
        this.appendBits(column, from, to, isNull)
        return
      case 'fixed':
        this.appendFixed(column, from, to, layout.width, isNull)
        return
      case 'widened':
        this.appendWidened(column, from, to, layout, isNull)
        return
      case 'decimal':
        this.appendDecimals(column, from, to, layout.width, isNull)
        return
      case 'bytes':
        this.appendBytes(column, from, to, isNull)
        return
      default:
        layout satisfies never
    }
  }

  private appendBits({ values }: ArrowColumn, from: number, to: number, isNull: NullTest): void {
    const source = bytesOf(values)
    growBits(this.values, this.bits + to - from)
    for (let i = from; i < to; i++) {
      if (isNull(i)) continue
      const at = this.bits >> 3
      if (((source[i >> 3] ?? 0) >> (i & 7)) & 1)
        this.values.bytes[at] = (this.values.bytes[at] ?? 0) | (1 << (this.bits & 7))
      this.bits++
    }
    this.values.length = Math.ceil(this.bits / 8)
  }

  private appendFixed(column: ArrowColumn, from: number, to: number, width: 4 | 8, isNull: NullTest): void {
    if (isNull === never) this.values.append(bytesOf(column.values).subarray(from * width, to * width))
    else this.appendWords(column, from, to, { stride: width / 4, taken: width / 4 }, isNull)
  }

  /** A value is the first `taken` (one or two) of every `stride` words. */
  private appendWords(
    { values }: ArrowColumn,
    from: number,
    to: number,
    { stride, taken }: { readonly stride: number; readonly taken: number },
    isNull: NullTest,
  ): void {
    const source = wordsOf(values)
    this.values.reserve((to - from) * taken * 4)
    const { words } = this.values
    let at = this.values.length / 4
    for (let i = from; i < to; i++) {
      if (isNull(i)) continue
      words[at++] = source[stride * i] ?? 0
      if (taken === 2) words[at++] = source[stride * i + 1] ?? 0
    }
    this.values.length = at * 4
  }

  private appendWidened(
    { values }: ArrowColumn,
    from: number,
    to: number,
    { width, signed }: Extract<ArrowLayout, { kind: 'widened' }>,
    isNull: NullTest,
  ): void {
    const { buffer, byteOffset } = values
    const [Narrow, Short] = signed ? [Int8Array, Int16Array] : [Uint8Array, Uint16Array]
    const source = width === 1 ? new Narrow(buffer, byteOffset, to) : new Short(buffer, byteOffset, to)
    this.values.reserve((to - from) * 4)
    const { words } = this.values
    let at = this.values.length / 4
    for (let i = from; i < to; i++) if (!isNull(i)) words[at++] = source[i] ?? 0
    this.values.length = at * 4
  }

  private appendDecimals(
    column: ArrowColumn,
    from: number,
    to: number,
    width: 4 | 8 | 16,
    isNull: NullTest,
  ): void {
    if (width === 16) this.appendSwapped(column, from, to, isNull)
    else this.appendWords(column, from, to, { stride: 4, taken: width / 4 }, isNull)
  }

  /** Values of 16 bytes, big endian. */
  private appendSwapped({ values }: ArrowColumn, from: number, to: number, isNull: NullTest): void {
    const source = wordsOf(values)
    this.values.reserve((to - from) * 16)
    const { words } = this.values
    let at = this.values.length / 4
    for (let i = from; i < to; i++) {
      if (isNull(i)) continue
      for (let word = 3; word >= 0; word--) words[at++] = swapped(source[4 * i + word] ?? 0)
    }
    this.values.length = at * 4
  }

  /** Each value behind its length in four bytes. */
  private appendBytes(
    { values, valueOffsets }: ArrowColumn,
    from: number,
    to: number,
    isNull: NullTest,
  ): void {
    const source = bytesOf(values)
    const total = (valueOffsets[to] ?? 0) - (valueOffsets[from] ?? 0)
    this.values.reserve(total + (to - from) * 4)
    const { bytes } = this.values
    let at = this.values.length
    for (let i = from; i < to; i++) {
      if (isNull(i)) continue
      const [start, end] = [valueOffsets[i] ?? 0, valueOffsets[i + 1] ?? 0]
      const length = end - start
      bytes[at] = length
      bytes[at + 1] = length >>> 8
      bytes[at + 2] = length >>> 16
      bytes[at + 3] = length >>> 24
      at += 4
      if (length > SHORT) bytes.set(source.subarray(start, end), at)
      else for (let k = 0; k < length; k++) bytes[at + k] = source[start + k] ?? 0
      at += length
    }
    this.values.length = at
  }
}

/** What the values up to `rows` take in Arrow. */
function arrowBytes(layout: ArrowLayout, { valueOffsets }: ArrowColumn, rows: number): number {
  switch (layout.kind) {
    case 'bits':
      return Math.ceil(rows / 8)
    case 'fixed':
    case 'widened':
      return rows * layout.width
    case 'decimal':
      return rows * 16
    case 'bytes':
      return valueOffsets[rows] ?? Infinity
    default:
      return layout satisfies never
  }
}

type NullTest = (row: number) => boolean

const never: NullTest = () => false

function nullTest(bitmap: Uint8Array): NullTest {
  return (row) => (((bitmap[row >> 3] ?? 0) >> (row & 7)) & 1) === 0
}

/** Makes room for bits; those that are new are 0. */
function growBits(bits: GrowingBytes, count: number): void {
  const length = Math.ceil(count / 8)
  if (length <= bits.length) return
  bits.reserve(length - bits.length)
  bits.bytes.fill(0, bits.length, length)
  bits.length = length
}

function setBits(bits: GrowingBytes, from: number, to: number): void {
  growBits(bits, to)
  for (let i = from; i < to; i++) bits.bytes[i >> 3] = (bits.bytes[i >> 3] ?? 0) | (1 << (i & 7))
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function wordsOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint32Array {
  return new Uint32Array(buffer, byteOffset, byteLength >> 2)
}

/** The bytes of a word the other way round. */
function swapped(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}

function withLength(header: readonly number[], rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + header.length + rest.length)
  new DataView(bytes.buffer).setUint32(0, header.length + rest.length, true)
  bytes.set(header, 4)
  bytes.set(rest, 4 + header.length)
  return bytes
}
