import { ident, literal } from './sql.js'
import { type DuckType, type Field, renderType } from './types.js'

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
  const item = `item${depth}`
  return `list_transform(${list}, ${item} -> ${body(item)})`
}
