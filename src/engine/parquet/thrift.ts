/*
 * Thrift's compact protocol, as far as the metadata of a Parquet file needs it:
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */

export type ThriftValue =
  | { readonly kind: 'i32' | 'i64'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'struct'; readonly fields: readonly ThriftField[] }
  /** All of one kind, and at least one. */
  | { readonly kind: 'list'; readonly items: readonly ThriftValue[] }
/** Fields in the order of their ids. */
export type ThriftField = readonly [id: number, value: ThriftValue]

export const i32 = (value: number): ThriftValue => ({ kind: 'i32', value })
export const i64 = (value: number): ThriftValue => ({ kind: 'i64', value })
export const text = (value: string): ThriftValue => ({ kind: 'text', value })
export const struct = (...fields: readonly ThriftField[]): ThriftValue => ({ kind: 'struct', fields })
export const list = (items: readonly ThriftValue[]): ThriftValue => ({ kind: 'list', items })

const TYPE_IDS = { i32: 5, i64: 6, text: 8, list: 9, struct: 12 } as const
/** From here on a list says its length in bytes of its own. */
const LONG_LIST = 15
const STOP = 0

/** The bytes of a value, without a header. */
export function encodeThrift(value: ThriftValue): Buffer {
  const bytes: number[] = []
  write(bytes, value)
  return Buffer.from(bytes)
}

function write(bytes: number[], value: ThriftValue): void {
  switch (value.kind) {
    case 'i32':
    case 'i64':
      // Zigzag; every number here is a size, a count or an id.
      varint(bytes, value.value * 2)
      return
    case 'text': {
      const encoded = Buffer.from(value.value)
      varint(bytes, encoded.length)
      for (const byte of encoded) bytes.push(byte)
      return
    }
    case 'list':
      writeList(bytes, value.items)
      return
    case 'struct':
      writeFields(bytes, value.fields)
      return
    default:
      value satisfies never
  }
}

function writeList(bytes: number[], items: readonly ThriftValue[]): void {
  const type = TYPE_IDS[items[0]?.kind ?? 'struct']
  if (items.length < LONG_LIST) bytes.push((items.length << 4) | type)
  else {
    bytes.push(0xf0 | type)
    varint(bytes, items.length)
  }
  for (const item of items) write(bytes, item)
}

function writeFields(bytes: number[], fields: readonly ThriftField[]): void {
  let previous = 0
  for (const [id, value] of fields) {
    // A field's id as the distance from the one before: all here are less than 16 apart.
    bytes.push(((id - previous) << 4) | TYPE_IDS[value.kind])
    write(bytes, value)
    previous = id
  }
  bytes.push(STOP)
}

/** Of a whole number from 0 to 2^53. */
export function varint(bytes: number[], value: number): void {
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  bytes.push(rest)
}
