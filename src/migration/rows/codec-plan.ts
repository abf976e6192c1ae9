import { DuckfleetError } from '../../errors.js'
import { carrierOf, type Codec, type CodecField, TEXT } from './codec.js'
import { type DuckType, type Field, renderType, type ScalarName } from '../sql/types.js'

/** What the source engine's SQL can do. */
export interface SourceSkills {
  /** `map_keys` and `map_values` exist (0.8). */
  readonly mapKeys: boolean
}

/** What the target's can. */
export interface TargetSkills {
  /** `make_timestamp_ns` exists. */
  readonly makeNanos: boolean
}

type Skills = SourceSkills & TargetSkills

const TIMESTAMP: DuckType = { kind: 'scalar', name: 'TIMESTAMP' }

/** Scalars that Parquet does not carry as they are, and what carries them. */
const CARRIERS: ReadonlyMap<ScalarName, DuckType> = new Map([
  ['HUGEINT', TEXT],
  ['BIT', TEXT],
  ['JSON', TEXT],
  ['TIME WITH TIME ZONE', TEXT],
  ['TIMESTAMP_S', TIMESTAMP],
  ['TIMESTAMP_MS', TIMESTAMP],
])

/**
 * Chooses how values of a type travel.
 * @throws DuckfleetError `unsupported` for a type that this source engine cannot take apart.
 */
export function planCodec(type: DuckType, skills: Skills): Codec {
  switch (type.kind) {
    case 'scalar':
      return planScalar(type.name, skills)
    case 'decimal':
      return { kind: 'same', type }
    case 'enum':
      return { kind: 'cast', type, carrier: TEXT }
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

function planScalar(name: ScalarName, { makeNanos }: Skills): Codec {
  if (name === 'INTERVAL') return { kind: 'interval' }
  const type: DuckType = { kind: 'scalar', name }
  // No text of these releases shows its nanoseconds, and their Parquet holds microseconds; but Arrow brings them in.
  if (name === 'TIMESTAMP_NS') return { kind: 'nanos', type, exact: makeNanos }
  const carrier = CARRIERS.get(name)
  return carrier ? { kind: 'cast', type, carrier } : { kind: 'same', type }
}

/** Functions refuse an alias in 0.6 and 0.7, so its values are cast to what it stands for first. */
function planAlias(type: Extract<DuckType, { kind: 'alias' }>, skills: Skills): Codec {
  const base = planCodec(type.base, skills)
  if (base.kind === 'nanos') return { ...base, type }
  const cast = collapse(type, [base])
  if (cast) return { kind: 'cast', type, carrier: carrierOf(base) }
  throw new DuckfleetError('unsupported', `type ${type.named.name} stands for a nested INTERVAL or UNION`)
}

function planMap(type: Extract<DuckType, { kind: 'map' }>, skills: Skills): Codec {
  const inMap = (part: DuckType): Codec => (skills.mapKeys ? planCodec(part, skills) : planText(part, skills))
  const key = inMap(type.key)
  const value = inMap(type.value)
  // Taken apart wherever that can be: neither text nor hash of a whole map tell all values apart (see the digest).
  if (skills.mapKeys) return { kind: 'map', key, value }
  const collapsed = collapse(type, [key, value])
  if (collapsed) return collapsed
  throw new DuckfleetError(
    'unsupported',
    `this release cannot take a ${renderType(type)} apart: no map_keys, and what is in it has no safe text`,
  )
}

/**
 * A part of a map that cannot be taken apart: an INTERVAL in it travels as the release prints it, and a time zone,
 * which Parquet of 0.6 forgets, is left out on the way.
 */
function planText(type: DuckType, skills: Skills): Codec {
  if (type.kind !== 'scalar') return planCodec(type, skills)
  if (type.name === 'INTERVAL') return { kind: 'cast', type, carrier: TEXT }
  if (type.name === 'TIMESTAMP WITH TIME ZONE' || type.name === 'TIMESTAMP_NS')
    return { kind: 'cast', type, carrier: TIMESTAMP }
  return planCodec(type, skills)
}

/** Does the carrier hold text that releases print differently (an INTERVAL inside a map)? */
export function printsDifferently(codec: Codec): boolean {
  return codec.kind === 'cast' && renderType(codec.type).includes('INTERVAL')
}

function planFields(fields: readonly Field[], skills: Skills): CodecField[] {
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
  const [first = TEXT, second = TEXT] = carriers
  if (type.kind === 'list') return { kind: 'list', item: first }
  if (type.kind === 'map') return { kind: 'map', key: first, value: second }
  if (type.kind === 'struct')
    return {
      kind: 'struct',
      fields: type.fields.map((field, i) => ({ name: field.name, type: carriers[i] ?? TEXT })),
    }
  return first
}
