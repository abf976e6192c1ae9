import { ident, literal } from '../../src/migration/sql/sql.js'
import type { Names } from './random-names.js'
import type { Random } from './random.js'
import type { Scalar } from './random-scalar.js'
import { type Dialect, isOld } from './random-dialect.js'

/** A type of a column. */
export type RandomType =
  | { readonly kind: 'scalar'; readonly scalar: Scalar }
  /** `sql` is its name, or the labels where the release takes them. */
  | { readonly kind: 'enum'; readonly sql: string; readonly labels: readonly string[] }
  /** `opaque`: no function of the release takes such a value. */
  | {
      readonly kind: 'alias'
      readonly sql: string
      readonly base: RandomType
      readonly opaque: boolean
    }
  | { readonly kind: 'list'; readonly item: RandomType }
  | { readonly kind: 'array'; readonly item: RandomType; readonly size: number }
  | { readonly kind: 'struct'; readonly fields: readonly Member[] }
  /** `apart`: the release can take its keys and values out of it. */
  | {
      readonly kind: 'map'
      readonly key: RandomType
      readonly value: RandomType
      readonly apart: boolean
    }
  | { readonly kind: 'union'; readonly members: readonly Member[] }

interface Member {
  readonly name: string
  readonly type: RandomType
}

/** The palette without JSON and named types. */
export function plainest(palette: Palette): Palette {
  return { ...palette, named: [], scalars: palette.scalars.filter(({ sql }) => sql !== 'JSON') }
}

/** Lists of parts that must be taken apart one by one have at most so many items. */
export const MOST_ITEMS = 3

/** What types may be made of. */
export interface Palette {
  readonly scalars: readonly Scalar[]
  /** Types that have a name already. */
  readonly named: readonly RandomType[]
  readonly dialect: Dialect
  names(): Names
}

export function randomType(random: Random, palette: Palette, depth: number): RandomType {
  const kind =
    depth === 0 ? 'leaf' : random.pick(['leaf', 'list', 'list', 'struct', 'map', 'union', 'array'] as const)
  const inner = (): RandomType => randomType(random, palette, depth - 1)
  const members = (names = palette.names()): Member[] =>
    random.times(1, 3, () => ({ name: names.fresh(), type: inner() }))
  switch (kind) {
    case 'leaf':
      return random.chance(0.2) && palette.named.length > 0
        ? random.pick(palette.named)
        : { kind: 'scalar', scalar: random.pick(palette.scalars) }
    case 'list':
      return { kind, item: inner() }
    case 'array':
      return palette.dialect === 'stable'
        ? { kind, item: inner(), size: random.int(1, MOST_ITEMS) }
        : { kind: 'list', item: inner() }
    case 'struct':
      return { kind, fields: members() }
    case 'map':
      return randomMap(random, palette, inner)
    case 'union':
      // 0.6 casts no value to some UNIONs.
      return palette.dialect === '0.6' ? { kind: 'struct', fields: members() } : { kind, members: members() }
    default:
      return kind satisfies never
  }
}

function randomMap(random: Random, palette: Palette, inner: () => RandomType): RandomType {
  if (!isOld(palette.dialect)) {
    const key = random.chance(0.8) ? randomType(random, palette, 0) : inner()
    return { kind: 'map', key, value: inner(), apart: true }
  }
  // Of these releases only the text of a map can be had, and no UNION that is in a map.
  const keys = palette.scalars.filter((scalar) => scalar.key !== undefined)
  const value = inner()
  return {
    kind: 'map',
    key: { kind: 'scalar', scalar: random.pick(keys) },
    value: canBeMapped(value)
      ? value
      : { kind: 'scalar', scalar: random.pick(keys.filter(({ print }) => print !== 'instant')) },
    apart: false,
  }
}

/** Can a map of 0.6 or 0.7 that holds it be carried? */
function canBeMapped(type: RandomType): boolean {
  if (type.kind === 'scalar') return !['interval', 'instant', 'micros', 'blob'].includes(type.scalar.print)
  if (type.kind === 'list') return canBeMapped(type.item)
  if (type.kind === 'struct') return type.fields.every((field) => canBeMapped(field.type))
  if (type.kind === 'map') return canBeMapped(type.value)
  return type.kind === 'enum'
}

export function typeSql(type: RandomType): string {
  switch (type.kind) {
    case 'scalar':
      return type.scalar.sql
    case 'enum':
    case 'alias':
      return type.sql
    case 'list':
      return `${typeSql(type.item)}[]`
    case 'array':
      return `${typeSql(type.item)}[${type.size}]`
    case 'struct':
      return `STRUCT(${membersSql(type.fields)})`
    case 'map':
      return `MAP(${typeSql(type.key)}, ${typeSql(type.value)})`
    case 'union':
      return `UNION(${membersSql(type.members)})`
    default:
      return type satisfies never
  }
}

function membersSql(members: readonly Member[]): string {
  return members.map(({ name, type }) => `${ident(name)} ${typeSql(type)}`).join(', ')
}

/** SQL of a random value of a column, now and then longer than a vector of the engine. */
export function randomCell(random: Random, type: RandomType, nulls: number): string {
  if (type.kind !== 'list' || !isNumber(type.item) || random.chance(0.95))
    return randomValue(random, type, nulls)
  return `CAST([${random.times(2050, 2100, () => randomValue(random, type.item)).join(', ')}] AS ${typeSql(type)})`
}

/** Do all releases print a list of such items alike? */
export function isNumber(type: RandomType): boolean {
  return type.kind === 'scalar' && type.scalar.print === 'number'
}

/** SQL of a random value of exactly this type, or of its NULL. */
export function randomValue(random: Random, type: RandomType, nulls = 0.15): string {
  if (random.chance(nulls)) return `CAST(NULL AS ${typeSql(type)})`
  const items = (from: number, to: number, of: RandomType): string =>
    random.times(from, to, () => randomValue(random, of)).join(', ')
  switch (type.kind) {
    case 'scalar':
      return type.scalar.value(random)
    case 'enum':
      return `CAST(${literal(random.pick(type.labels))} AS ${type.sql})`
    case 'alias':
      return `CAST(${randomValue(random, type.base, 0)} AS ${type.sql})`
    case 'list':
      return `CAST([${items(0, MOST_ITEMS, type.item)}] AS ${typeSql(type)})`
    case 'array':
      return `CAST([${items(type.size, type.size, type.item)}] AS ${typeSql(type)})`
    case 'struct': {
      const fields = type.fields.map((field) => `${ident(field.name)} := ${randomValue(random, field.type)}`)
      return `CAST(struct_pack(${fields.join(', ')}) AS ${typeSql(type)})`
    }
    case 'map':
      return mapValue(random, type)
    case 'union': {
      const member = random.pick(type.members)
      return `CAST(union_value(${ident(member.name)} := ${randomValue(random, member.type)}) AS ${typeSql(type)})`
    }
    default:
      return type satisfies never
  }
}

/** SQL of the keys that a map may have. */
function mapKeys({ key }: Scalar): string[] {
  return key ? Array.from({ length: MOST_ITEMS }, (_, n) => key(n * 7 + 1)) : []
}

function mapValue(random: Random, type: Extract<RandomType, { kind: 'map' }>): string {
  const [key, value] = [typeSql(type.key), typeSql(type.value)]
  // Keys that are different for sure; of other types there is one.
  const counted = type.key.kind === 'scalar' && type.key.scalar.key ? mapKeys(type.key.scalar) : undefined
  const keys = counted
    ? counted.slice(0, random.int(0, MOST_ITEMS))
    : random.times(0, 1, () => randomValue(random, type.key, 0))
  const values = keys.map(() => randomValue(random, type.value))
  return `map(CAST([${keys.join(', ')}] AS ${key}[]), CAST([${values.join(', ')}] AS ${value}[]))`
}
