import { ident, literal } from '../sql/sql.js'
import { type DuckType, type Field, renderType } from '../sql/types.js'

/**
 * How a value travels through Parquet, as data. Fragile types (facts: Parquet of 0.6 – 0.8 turns HUGEINT into
 * DOUBLE, cuts INTERVAL to milliseconds, crashes on BIT and UNION) travel as text, numbers and structs.
 */
export type Codec =
  /** Parquet carries the type as it is. */
  | { readonly kind: 'same'; readonly type: DuckType }
  /** CAST to the carrier and back. */
  | { readonly kind: 'cast'; readonly type: DuckType; readonly carrier: DuckType }
  /** `months,days,micros` as text: Parquet has no sign and no microseconds for it. */
  | { readonly kind: 'interval' }
  /**
   * The hash of a TIMESTAMP_NS: no SQL of these releases shows its nanoseconds, but every release computes this hash alike,
   * and it can be undone. `exact`: the target can make a value with nanoseconds.
   */
  | { readonly kind: 'nanos'; readonly type: DuckType; readonly exact: boolean }
  | { readonly kind: 'list'; readonly item: Codec }
  | { readonly kind: 'struct'; readonly fields: readonly CodecField[] }
  /** A struct of two lists, for releases that can take a map apart. */
  | { readonly kind: 'map'; readonly key: Codec; readonly value: Codec }
  /** A struct of the tag and one field a member. */
  | { readonly kind: 'union'; readonly type: DuckType; readonly members: readonly CodecField[] }

export interface CodecField {
  readonly name: string
  readonly codec: Codec
}

/** The carrier of every fragile value that has a text. */
export const TEXT: DuckType = { kind: 'scalar', name: 'VARCHAR' }

/** The type that the Parquet column has. */
export function carrierOf(codec: Codec): DuckType {
  switch (codec.kind) {
    case 'same':
      return codec.type
    case 'cast':
      return codec.carrier
    case 'interval':
      return TEXT
    case 'nanos':
      return { kind: 'scalar', name: 'UBIGINT' }
    case 'list':
      return { kind: 'list', item: carrierOf(codec.item) }
    case 'struct':
      return {
        kind: 'struct',
        fields: codec.fields.map(({ name, codec: part }) => ({ name, type: carrierOf(part) })),
      }
    case 'map': {
      const keys: DuckType = { kind: 'list', item: carrierOf(codec.key) }
      const values: DuckType = { kind: 'list', item: carrierOf(codec.value) }
      return { kind: 'struct', fields: [{ name: 'keys', type: keys }, { name: 'values', type: values }] } // prettier-ignore
    }
    case 'union':
      return { kind: 'struct', fields: [{ name: 'tag', type: TEXT }, ...memberCarriers(codec.members)] }
    default:
      return codec satisfies never
  }
}

function memberCarriers(members: readonly CodecField[]): Field[] {
  return members.map((member, i) => ({ name: `m${i}`, type: carrierOf(member.codec) }))
}

/**
 * SQL for the carrier of a value, for source and target alike: verification applies it to both ends.
 * No lambda refers to a variable of an outer one: 0.6 reads garbage there.
 */
export function encode(codec: Codec, value: string, depth = 0): string {
  switch (codec.kind) {
    case 'same':
      return value
    case 'cast':
      return `CAST(${value} AS ${renderType(codec.carrier)})`
    case 'interval':
      return encodeInterval(value)
    case 'nanos':
      // Functions refuse an alias.
      return unlessNull(value, `hash(CAST(${value} AS TIMESTAMP_NS))`)
    case 'list':
      return transform(value, depth, (item) => encode(codec.item, item, depth + 1))
    case 'struct': {
      const fields = codec.fields.map(
        ({ name, codec: part }) => `${ident(name)} := ${encode(part, field(value, name), depth)}`,
      )
      return unlessNull(value, `struct_pack(${fields.join(', ')})`)
    }
    case 'map': {
      const keys = transform(`map_keys(${value})`, depth, (item) => encode(codec.key, item, depth + 1))
      const values = transform(`map_values(${value})`, depth, (item) => encode(codec.value, item, depth + 1))
      return unlessNull(value, `struct_pack(keys := ${keys}, "values" := ${values})`)
    }
    case 'union': {
      const members = codec.members.map(
        ({ name, codec: part }, i) =>
          `m${i} := ${encode(part, `union_extract(${value}, ${literal(name)})`, depth)}`,
      )
      return unlessNull(
        value,
        `struct_pack(tag := CAST(union_tag(${value}) AS VARCHAR), ${members.join(', ')})`,
      )
    }
    default:
      return codec satisfies never
  }
}

function encodeInterval(value: string): string {
  const part = (name: string): string => `date_part('${name}', ${value})`
  const months = `${part('year')} * 12 + ${part('month')}`
  const micros = `${part('hour')} * 3600000000 + ${part('minute')} * 60000000 + ${part('microsecond')}`
  return `(CAST(${months} AS VARCHAR) || ',' || CAST(${part('day')} AS VARCHAR) || ',' || CAST(${micros} AS VARCHAR))`
}

/** SQL for the value that a carrier stands for, in the target's dialect. */
export function decode(codec: Codec, carrier: string, depth = 0): string {
  switch (codec.kind) {
    case 'same':
      return carrier
    case 'cast':
      return `CAST(${carrier} AS ${renderType(codec.type)})`
    case 'interval': {
      const part = (n: number, type: string): string => `CAST(split_part(${carrier}, ',', ${n}) AS ${type})`
      const sum = `to_months(${part(1, 'INTEGER')}) + to_days(${part(2, 'INTEGER')}) + to_microseconds(${part(3, 'BIGINT')})`
      return unlessNull(carrier, sum)
    }
    case 'nanos':
      return unlessNull(carrier, decodeNanos(codec, carrier, depth))
    case 'list':
      return transform(carrier, depth, (item) => decode(codec.item, item, depth + 1))
    case 'struct': {
      const fields = codec.fields.map(
        ({ name, codec: part }) => `${ident(name)} := ${decode(part, field(carrier, name), depth)}`,
      )
      return unlessNull(carrier, `struct_pack(${fields.join(', ')})`)
    }
    case 'map': {
      const keys = transform(field(carrier, 'keys'), depth, (item) => decode(codec.key, item, depth + 1))
      const values = transform(field(carrier, 'values'), depth, (item) =>
        decode(codec.value, item, depth + 1),
      )
      return unlessNull(carrier, `map(${keys}, ${values})`)
    }
    case 'union':
      return decodeUnion(codec, carrier, depth)
    default:
      return codec satisfies never
  }
}

function decodeNanos(
  { type, exact }: Extract<Codec, { kind: 'nanos' }>,
  carrier: string,
  depth: number,
): string {
  const item = `duckfleet_nanos${depth}`
  const lost = `error('a TIMESTAMP_NS has nanoseconds, which the target release cannot make')`
  const finite = exact
    ? `make_timestamp_ns(${item})`
    : `CAST(TIMESTAMP '1970-01-01' + to_microseconds(CASE WHEN ${item} % 1000 = 0 THEN ${item} // 1000 ELSE ${lost} END) AS TIMESTAMP_NS)`
  const infinite = (sign: string): string => `CAST(CAST('${sign}infinity' AS TIMESTAMP) AS TIMESTAMP_NS)`
  const value = `CASE ${item} WHEN ${INFINITY} THEN ${infinite('')} WHEN -${INFINITY} THEN ${infinite('-')} ELSE ${finite} END`
  const steps = [...unhash(depth), `${item} -> ${value}`]
  const made = `${steps.reduce((list, step) => `list_transform(${list}, ${step})`, `[${carrier}]`)}[1]`
  return type.kind === 'alias' ? `CAST(${made} AS ${renderType(type)})` : made
}

/** What the factor of the hash becomes 1 with, modulo 2^64. */
const INVERSE = 0xcfee444d8b59a89bn
const INFINITY = 2n ** 63n - 1n

/**
 * The lambdas that make a BIGINT of its hash, one after another. Source: `murmurhash64` of DuckDB's `hash.hpp`: three
 * times `x ^= x >> 32`, with a multiplication modulo 2^64 between them; each of these undoes itself, but for the factor.
 */
function unhash(depth: number): string[] {
  const x = `duckfleet_bits${depth}`
  const number = (n: bigint): string => `CAST('${n}' AS UBIGINT)`
  const low = (value: string): string => `(${value} & ${number(2n ** 32n - 1n)})`
  const high = (value: string): string => `(${value} >> 32)`
  const shift = `${x} -> xor(${x}, ${high(x)})`
  // In halves, as on paper: nothing may be more than 64 bits hold.
  const [a, b] = [number(INVERSE % 2n ** 32n), number(INVERSE / 2n ** 32n)]
  const units = `(${low(x)} * ${a})`
  const carried = `${high(units)} + ${low(`(${low(x)} * ${b})`)} + ${low(`(${high(x)} * ${a})`)}`
  const multiply = `${x} -> ((${low(`(${carried})`)} << 32) | ${low(units)})`
  const half = number(2n ** 63n)
  const signed = `${x} -> CASE WHEN ${x} < ${half} THEN CAST(${x} AS BIGINT) ELSE CAST(${x} - ${half} AS BIGINT) + CAST('${-(2n ** 63n)}' AS BIGINT) END`
  return [shift, multiply, shift, multiply, shift, signed]
}

function decodeUnion(codec: Extract<Codec, { kind: 'union' }>, carrier: string, depth: number): string {
  const type = renderType(codec.type)
  const cases = codec.members.map(({ name, codec: part }, i) => {
    const member = decode(part, field(carrier, `m${i}`), depth)
    return `WHEN ${literal(name)} THEN CAST(union_value(${ident(name)} := ${member}) AS ${type})`
  })
  return `CASE ${field(carrier, 'tag')} ${cases.join(' ')} ELSE CAST(NULL AS ${type}) END`
}

function field(value: string, name: string): string {
  return `struct_extract(${value}, ${literal(name)})`
}

function unlessNull(value: string, then: string): string {
  return `CASE WHEN ${value} IS NULL THEN NULL ELSE ${then} END`
}

/** `list_transform` with a variable of its own for each depth. The arrow is read by every release up to 1.5. */
function transform(list: string, depth: number, body: (item: string) => string): string {
  const item = `duckfleet_item${depth}`
  return `list_transform(${list}, ${item} -> ${body(item)})`
}
