import { DuckfleetError } from '../errors.js'
import { ident, literal } from './sql.js'
import { type DuckType, type Field, renderType, type ScalarName } from './types.js'

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

/** What the source engine's SQL can do. */
export interface SourceSkills {
  /** `map_keys` and `map_values` exist (0.8). */
  readonly mapKeys: boolean
}

export const VARCHAR: DuckType = { kind: 'scalar', name: 'VARCHAR' }
const TIMESTAMP: DuckType = { kind: 'scalar', name: 'TIMESTAMP' }

/** Scalars that Parquet does not carry as they are, and what carries them. */
const CARRIERS: ReadonlyMap<ScalarName, DuckType> = new Map([
  ['HUGEINT', VARCHAR],
  ['BIT', VARCHAR],
  ['JSON', VARCHAR],
  ['TIME WITH TIME ZONE', VARCHAR],
  // Parquet holds microseconds; these releases parse no finer fractions for TIMESTAMP_NS either.
  ['TIMESTAMP_S', TIMESTAMP],
  ['TIMESTAMP_MS', TIMESTAMP],
  ['TIMESTAMP_NS', TIMESTAMP],
])

/**
 * Chooses how values of a type travel.
 * @throws DuckfleetError `unsupported` for a type that this source engine cannot take apart.
 */
export function planCodec(type: DuckType, skills: SourceSkills): Codec {
  switch (type.kind) {
    case 'scalar':
      return planScalar(type.name)
    case 'decimal':
      return { kind: 'same', type }
    case 'enum':
      return { kind: 'cast', type, carrier: VARCHAR }
    case 'alias':
      return planAlias(type, skills)
    case 'list': {
      const item = planCodec(type.item, skills)
      return collapse(type, [item]) ?? { kind: 'list', item }
    }
    case 'struct': {
      const fields = planFields(type.fields, skills)
      return collapse(type, codecsOf(fields)) ?? { kind: 'struct', fields }
    }
    case 'map':
      return planMap(type, skills)
    case 'union':
      return { kind: 'union', type, members: planFields(type.members, skills) }
    default:
      return type satisfies never
  }
}

function planScalar(name: ScalarName): Codec {
  if (name === 'INTERVAL') return { kind: 'interval' }
  const type: DuckType = { kind: 'scalar', name }
  const carrier = CARRIERS.get(name)
  return carrier ? { kind: 'cast', type, carrier } : { kind: 'same', type }
}

/** Functions refuse an alias in 0.6 and 0.7, so its values are cast to what it stands for first. */
function planAlias(type: Extract<DuckType, { kind: 'alias' }>, skills: SourceSkills): Codec {
  const base = planCodec(type.base, skills)
  const cast = collapse(type, [base])
  if (cast) return { kind: 'cast', type, carrier: carrierOf(base) }
  throw new DuckfleetError('unsupported', `type ${type.named.name} stands for a nested INTERVAL or UNION`)
}

function planMap(type: Extract<DuckType, { kind: 'map' }>, skills: SourceSkills): Codec {
  const inMap = (part: DuckType): Codec => (skills.mapKeys ? planCodec(part, skills) : planText(part, skills))
  const key = inMap(type.key)
  const value = inMap(type.value)
  const collapsed = collapse(type, [key, value])
  if (collapsed) return collapsed
  if (skills.mapKeys) return { kind: 'map', key, value }
  throw new DuckfleetError(
    'unsupported',
    `this release cannot take a ${renderType(type)} apart: no map_keys, and what is in it has no safe text`,
  )
}

/**
 * A part of a map that cannot be taken apart: an INTERVAL in it travels as the release prints it, and a time zone,
 * which Parquet of 0.6 forgets, is left out on the way.
 */
function planText(type: DuckType, skills: SourceSkills): Codec {
  if (type.kind !== 'scalar') return planCodec(type, skills)
  if (type.name === 'INTERVAL') return { kind: 'cast', type, carrier: VARCHAR }
  if (type.name === 'TIMESTAMP WITH TIME ZONE') return { kind: 'cast', type, carrier: TIMESTAMP }
  return planCodec(type, skills)
}

/** Does the carrier hold text that releases print differently (an INTERVAL inside a map)? */
export function printsDifferently(codec: Codec): boolean {
  return codec.kind === 'cast' && renderType(codec.type).includes('INTERVAL')
}

function planFields(fields: readonly Field[], skills: SourceSkills): CodecField[] {
  return fields.map((field) => ({ name: field.name, codec: planCodec(field.type, skills) }))
}

function codecsOf(fields: readonly CodecField[]): Codec[] {
  return fields.map((field) => field.codec)
}

/** One CAST, or nothing at all, for a nested type whose parts need no more than that. */
function collapse(type: DuckType, parts: readonly Codec[]): Codec | undefined {
  if (parts.every((part) => part.kind === 'same')) return { kind: 'same', type }
  if (!parts.every((part) => part.kind === 'same' || part.kind === 'cast')) return undefined
  return { kind: 'cast', type, carrier: carrierOfType(type, parts) }
}

function carrierOfType(type: DuckType, parts: readonly Codec[]): DuckType {
  const carriers = parts.map(carrierOf)
  const [first = VARCHAR, second = VARCHAR] = carriers
  if (type.kind === 'list') return { kind: 'list', item: first }
  if (type.kind === 'map') return { kind: 'map', key: first, value: second }
  if (type.kind === 'struct')
    return {
      kind: 'struct',
      fields: type.fields.map((field, i) => ({ name: field.name, type: carriers[i] ?? VARCHAR })),
    }
  return first
}

/** The type that the Parquet column has. */
export function carrierOf(codec: Codec): DuckType {
  switch (codec.kind) {
    case 'same':
      return codec.type
    case 'cast':
      return codec.carrier
    case 'interval':
      return VARCHAR
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
      return { kind: 'struct', fields: [{ name: 'tag', type: VARCHAR }, ...memberCarriers(codec.members)] }
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
