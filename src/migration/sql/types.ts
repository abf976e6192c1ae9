import { ident, literal, qualified, splitList } from './sql.js'

/** A column type, with everything that a faithful copy needs. */
export type DuckType =
  | { readonly kind: 'scalar'; readonly name: ScalarName }
  | { readonly kind: 'decimal'; readonly width: number; readonly scale: number }
  | { readonly kind: 'enum'; readonly labels: readonly string[]; readonly named: TypeName | undefined }
  /** A name for another type (`CREATE TYPE money AS DECIMAL(10,2)`). 0.6 and 0.7 keep it on the column. */
  | { readonly kind: 'alias'; readonly named: TypeName; readonly base: DuckType }
  | { readonly kind: 'list'; readonly item: DuckType }
  | { readonly kind: 'struct'; readonly fields: readonly Field[] }
  | { readonly kind: 'map'; readonly key: DuckType; readonly value: DuckType }
  | { readonly kind: 'union'; readonly members: readonly Field[] }

export interface Field {
  readonly name: string
  readonly type: DuckType
}

export interface TypeName {
  readonly schema: string
  readonly name: string
}

const INTEGERS = [
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'HUGEINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
] as const

/** Types without parameters of releases up to 0.8, by the names that these releases print. */
const SCALARS = [
  'BOOLEAN',
  ...INTEGERS,
  'FLOAT',
  'DOUBLE',
  'VARCHAR',
  'BLOB',
  'BIT',
  'DATE',
  'TIME',
  'TIME WITH TIME ZONE',
  'TIMESTAMP',
  'TIMESTAMP_S',
  'TIMESTAMP_MS',
  'TIMESTAMP_NS',
  'TIMESTAMP WITH TIME ZONE',
  'INTERVAL',
  'UUID',
  'JSON',
] as const
export type ScalarName = (typeof SCALARS)[number]

const scalarNames: ReadonlySet<string> = new Set(SCALARS)
const integerNames: ReadonlySet<string> = new Set(INTEGERS)

export function isScalarName(name: string): name is ScalarName {
  return scalarNames.has(name)
}

/** Whole numbers of a fixed size. */
export function isIntegerName(name: string): boolean {
  return integerNames.has(name)
}

/** Parses the types whose printed form is not ambiguous: scalars and DECIMAL. */
export function parseSimpleType(text: string): DuckType | undefined {
  if (isScalarName(text)) return { kind: 'scalar', name: text }
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(text)
  if (decimal === null) return undefined
  return { kind: 'decimal', width: Number(decimal[1]), scale: Number(decimal[2]) }
}

/** Splits `MAP(K, V)` into its two type texts. */
export function mapParts(text: string): readonly [string, string] | undefined {
  const [key, value, ...rest] = splitList(text.slice('MAP('.length, -1))
  return key === undefined || value === undefined || rest.length > 0 ? undefined : [key, value]
}

/** The type as SQL. Names of types are schema-qualified only outside `main`: releases up to 0.8 do not parse them. */
export function renderType(type: DuckType): string {
  switch (type.kind) {
    case 'scalar':
      return type.name
    case 'decimal':
      return `DECIMAL(${type.width},${type.scale})`
    case 'enum':
      return type.named ? renderTypeName(type.named) : renderEnum(type.labels)
    case 'alias':
      return renderTypeName(type.named)
    case 'list':
      return `${renderType(type.item)}[]`
    case 'struct':
      return `STRUCT(${renderFields(type.fields)})`
    case 'map':
      return `MAP(${renderType(type.key)}, ${renderType(type.value)})`
    case 'union':
      return `UNION(${renderFields(type.members)})`
    default:
      return type satisfies never
  }
}

function renderTypeName({ schema, name }: TypeName): string {
  return schema === 'main' ? ident(name) : qualified(schema, name)
}

/** A list of labels as SQL. The parser of 0.8.1 aborts on an empty label, but takes one from a query. */
export function renderNewEnum(labels: readonly string[]): string {
  if (!labels.includes('')) return renderEnum(labels)
  return `ENUM (SELECT unnest([${labels.map(literal).join(', ')}]))`
}

function renderEnum(labels: readonly string[]): string {
  return `ENUM(${labels.map(literal).join(', ')})`
}

function renderFields(fields: readonly Field[]): string {
  return fields.map((field) => `${ident(field.name)} ${renderType(field.type)}`).join(', ')
}

/** The type with every alias replaced by what it stands for, and enums by their labels. */
export function resolveType(type: DuckType): DuckType {
  switch (type.kind) {
    case 'scalar':
    case 'decimal':
      return type
    case 'enum':
      return { ...type, named: undefined }
    case 'alias':
      return resolveType(type.base)
    case 'list':
      return { kind: 'list', item: resolveType(type.item) }
    case 'struct':
      return { kind: 'struct', fields: resolveFields(type.fields) }
    case 'map':
      return { kind: 'map', key: resolveType(type.key), value: resolveType(type.value) }
    case 'union':
      return { kind: 'union', members: resolveFields(type.members) }
    default:
      return type satisfies never
  }
}

function resolveFields(fields: readonly Field[]): readonly Field[] {
  return fields.map((field) => ({ name: field.name, type: resolveType(field.type) }))
}

/** Is there a map in it? */
export function holdsMap(type: DuckType): boolean {
  if (type.kind === 'list') return holdsMap(type.item)
  if (type.kind === 'struct') return type.fields.some((field) => holdsMap(field.type))
  if (type.kind === 'union') return type.members.some((member) => holdsMap(member.type))
  return type.kind === 'map'
}

/** Is it made of other types? */
export function isNested({ kind }: DuckType): boolean {
  return kind === 'list' || kind === 'struct' || kind === 'map' || kind === 'union'
}
