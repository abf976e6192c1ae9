import { literal } from '../sql/sql.js'
import { type DuckType, holdsMap } from '../sql/types.js'

/**
 * A value to digest: SQL that gives it and the type that it has (a carrier: no INTERVAL, no UNION). `opaque`: any
 * type of a release from 1.2 on, whose text is not ambiguous.
 */
export interface DigestTerm {
  readonly value: string
  readonly type: DuckType | 'opaque'
  /** A CAST makes the value, at one of the ends: then the hash of a map in it cannot be trusted. */
  readonly cast?: boolean
  /** It stays an alias, which functions refuse (0.6, 0.7, where a CAST to what it stands for does nothing). */
  readonly alias?: boolean
}

/** Terms of one chain: each nests an expression two levels deeper, of 1,000 that engines allow. */
const CHAINED = 32

/**
 * SQL that reads a relation once and gives, as text:
 * - `n`: rows; `s`, `x`: sum and xor over a hash of each whole row, comparable within one engine only;
 * - `chained`: `c0`, `c1` …: sums over what every engine computes alike of each row (see {@link chains}).
 *
 * Sum beside xor, because xor cancels pairs of equal rows. `hash` sees neither the sign of a zero nor the
 * difference between NULL, [] and [NULL], so those are hashed as text.
 */
export function digestQuery(relation: string, terms: readonly DigestTerm[], chained: boolean): string {
  const hashed = terms.flatMap(hashable)
  const row = hashed.length === 0 ? 'hash(0)' : `hash(${hashed.join(', ')})`
  const sums = chained ? chains(terms).map((chain, i) => `, ${sum(chain)} AS c${i}`) : []
  return `SELECT CAST(count(*) AS VARCHAR) AS n, ${sum(row)} AS s, CAST(bit_xor(${row}) AS VARCHAR) AS x${sums.join('')} FROM ${relation}`
}

/**
 * SQL that tells which column differs within one engine: of each column `f0`, `f1` … what {@link digestQuery} compares, and
 * `p0`, `p1` … the same without the sign of a zero.
 */
export function columnsQuery(relation: string, terms: readonly DigestTerm[]): string {
  const sums = terms.map((term, i) => {
    const seen = sum(`hash(${hashable(term).join(', ')})`)
    return `${seen} AS f${i}, ${isFraction(term) ? sum(portable(term)) : seen} AS p${i}`
  })
  return `SELECT ${sums.join(', ')} FROM ${relation}`
}

/** How many sums {@link digestQuery} gives for so many terms. */
export function chainCount(terms: readonly DigestTerm[]): number {
  return Math.ceil(terms.length / CHAINED)
}

/**
 * A number for each row that is the same in every release: `hash` of fixed-width types is, from 0.6 to 1.5, and of
 * NULL. Each value is hashed onto what came before, so that equal columns do not cancel out, and values cannot change
 * places.
 */
function chains(terms: readonly DigestTerm[]): string[] {
  return Array.from({ length: chainCount(terms) }, (_, i) => {
    const [first = '', ...rest] = terms.slice(i * CHAINED, (i + 1) * CHAINED).map(portable)
    return rest.reduce((before, next) => `xor(hash(${before}), ${next})`, first)
  })
}

function sum(of: string): string {
  return `CAST(sum(CAST(${of} AS HUGEINT)) AS VARCHAR)`
}

function hashable({ value, type, cast = false, alias = false }: DigestTerm): string[] {
  if (type === 'opaque') return [value, `CAST(${value} AS VARCHAR)`]
  if (alias && type.kind === 'list') return [hashAndText(value)]
  switch (type.kind) {
    case 'scalar':
      if (isFraction({ type })) return [value, `CASE WHEN ${value} = 0 THEN CAST(${value} AS VARCHAR) END`]
      return [value]
    case 'decimal':
      return [value]
    case 'struct':
      if (isWide(type)) return [`(${value} IS NULL)`, copied(value), textOf(value)]
      return [
        `(${value} IS NULL)`,
        ...type.fields.flatMap((field) =>
          hashable({ value: `struct_extract(${value}, ${literal(field.name)})`, type: field.type, cast }),
        ),
      ]
    case 'enum':
    case 'alias':
    case 'list':
    case 'map':
    case 'union':
      return [canonical(value, type, cast)]
    default:
      return type satisfies never
  }
}

function isFraction({ type }: Pick<DigestTerm, 'type'>): boolean {
  return type !== 'opaque' && type.kind === 'scalar' && /^(FLOAT|DOUBLE)$/.test(type.name)
}

/** A hash that every engine computes alike: of the value, of a text's length (`hash` of text changed in 1.x), else of its being there. */
function portable({ value, type }: DigestTerm): string {
  if (type === 'opaque') return `hash(${value} IS NULL)`
  if (type.kind === 'scalar' && type.name === 'BLOB') return `hash(octet_length(${value}))`
  if (type.kind === 'scalar' && type.name === 'VARCHAR') return `hash(strlen(${value}))`
  // NaN has many bit patterns and floats print differently: nothing within a list is compared across engines.
  if (type.kind === 'scalar' || type.kind === 'decimal') return `hash(${value})`
  return `hash(${value} IS NULL)`
}

/** Text that differs whenever the value differs: lengths before texts, brackets around lists, `n` for NULL. */
function canonical(value: string, type: DuckType, cast: boolean, depth = 0): string {
  switch (type.kind) {
    case 'list': {
      // Engines bind a lambda in a lambda twice as often as the one around it.
      if (depth > MOST_LAMBDAS) return cast ? textOf(value) : hashAndText(value)
      const item = `duckfleet_digest${depth}`
      const items = `list_transform(${value}, ${item} -> ${canonical(item, type.item, cast, depth + 1)})`
      return whenNull(
        value,
        type,
        `'[' || coalesce(list_aggr(${items}, 'string_agg', ','), '') || ']' || CAST(len(${value}) AS VARCHAR)`,
      )
    }
    case 'struct': {
      if (isWide(type)) return hashAndText(value)
      const fields = type.fields.map((field) =>
        canonical(`struct_extract(${value}, ${literal(field.name)})`, field.type, cast, depth),
      )
      return whenNull(
        value,
        type,
        concatenated(["'('", ...fields.flatMap((one) => [one, "','"]).slice(0, -1), "')'"]),
      )
    }
    case 'scalar':
    case 'decimal':
    case 'enum':
    case 'alias':
    case 'union': {
      const text = `CAST(${printed(value, type)} AS VARCHAR)`
      return `coalesce(CAST(strlen(${text}) AS VARCHAR) || ':' || ${text}, 'n')`
    }
    case 'map': {
      // Up to 0.8 the hash of a map that a CAST gives depends on where it lies in memory too.
      return cast ? textOf(value) : hashAndText(value)
    }
    default:
      return type satisfies never
  }
}

/** Up to 1.1 {a=NULL} is the text of a NULL and of 'NULL'; the hash tells them apart, but no zero from another. */
function hashAndText(value: string): string {
  return `CAST(hash(${copied(value)}) AS VARCHAR) || ':' || ${textOf(value)}`
}

function textOf(value: string): string {
  return `CAST(${copied(value)} AS VARCHAR)`
}

/**
 * Up to 0.8 the hash and the text of a list or map read what is no part of it where all values of a column have the same
 * items, which are stored once then. Within another list it is a copy of its own.
 */
function copied(value: string): string {
  return `list_value(${value})`
}

/**
 * Fields of fields included, and each counted as often as it is nested. An engine makes a copy of the whole struct for each
 * field that is taken out of it.
 */
const MOST_FIELDS_APART = 64

const MOST_LAMBDAS = 6

function isWide(type: DuckType): boolean {
  return leaves(type) > MOST_FIELDS_APART
}

function leaves(type: DuckType, depth = 0): number {
  if (type.kind !== 'struct') return depth
  return type.fields.reduce((sum, field) => sum + leaves(field.type, depth + 1), 0)
}

/** In halves of halves: engines refuse, or break on, what nests as deep as a struct of some hundred fields is wide. */
function concatenated(parts: readonly string[]): string {
  if (parts.length <= 4) return parts.join(' || ')
  const half = Math.ceil(parts.length / 2)
  return `(${concatenated(parts.slice(0, half))}) || (${concatenated(parts.slice(half))})`
}

/** Parquet of 0.6 forgets that a timestamp has a time zone, and only text shows the difference. */
function printed(value: string, type: DuckType): string {
  const zoned = type.kind === 'scalar' && type.name === 'TIMESTAMP WITH TIME ZONE'
  return zoned ? `CAST(${value} AS TIMESTAMP)` : value
}

function whenNull(value: string, type: DuckType, then: string): string {
  const choose = (yes: string, no: string): string => `CASE WHEN ${value} IS NULL THEN ${yes} ELSE ${no} END`
  // 0.6 takes the map of another row where a CASE chooses some of them: so it is looked at in every row.
  if (holdsMap(type)) return `(${choose(`'n'`, `''`)} || coalesce(repeat(${then}, ${choose('0', '1')}), ''))`
  return choose(`'n'`, then)
}
