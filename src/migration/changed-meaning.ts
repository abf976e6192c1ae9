import { type Catalog, display, type Table, type View, type ViewColumn } from './catalog.js'
import { isSymbol, tokenize } from './sql.js'
import { withExpressions } from './table-expressions.js'
import { parseSimpleType } from './types.js'

/*
 * The same text can mean something else to another release. What cannot be proved equal is not rewritten, so that the
 * file says what its owner wrote; but the owner is told.
 */

/**
 * Up to 0.7 `/` divides integers without remainder, from 0.8 on it gives a fraction. Values of generated columns are
 * compared, so only what is computed later needs a warning.
 */
export function divisionWarnings(catalog: Catalog, source: string, target: string): string[] {
  if (!dividedIntegers(source) || dividedIntegers(target)) return []
  const texts = [
    ...catalog.views.map((view) => ({ what: `view ${display(view)}`, sql: view.query })),
    ...catalog.macros.map((macro) => ({ what: `macro ${display(macro)}`, sql: macro.definition })),
    ...catalog.tables.flatMap((table) =>
      table.columns.map(({ name, default: sql }) => ({
        what: `default of ${display(table)}.${name}`,
        sql: sql ?? '',
      })),
    ),
  ]
  return texts
    .filter(({ sql }) => tokenize(sql).some((token) => isSymbol(token, '/')))
    .map(
      ({ what }) =>
        `${what} divides with /: ${source} gives whole numbers for integers, ${target} gives fractions`,
    )
}

/** Of a view or macro with a text beside values of other types, which are not known. */
export function mixedWarning(what: string, source: string, target: string): string {
  return (
    `${what} may mean something else in ${target} than in ${source}: a text beside a number, a time or an ENUM, as in ` +
    'CASE, COALESCE, IN or a comparison, has another type: cast both to the type that is meant'
  )
}

/** Columns of a view that have another type in the target, as far as both releases print types alike. */
export function typeWarnings(view: View, now: readonly ViewColumn[]): string[] {
  if ('broken' in view.columns) return []
  return view.columns.flatMap(({ name, type }, i) => {
    const after = now[i]?.type ?? type
    return isComparable(type) && isComparable(after) && unquoted(type) !== unquoted(after)
      ? [`view ${display(view)}: column ${name} was ${type} and is ${after} in the target`]
      : []
  })
}

/** Enums and other types of the database print as their names in one release, and as what they are in another. */
function isComparable(type: string): boolean {
  if (parseSimpleType(type) !== undefined) return true
  const item = type.replace(/(\[\d*\])+$/, '')
  return item === type ? /^(STRUCT|MAP)\((?!.*ENUM\()/s.test(type) : isComparable(item)
}

function unquoted(type: string): string {
  return type.replaceAll('"', '')
}

const INTEGERS = new Set([
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'HUGEINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
])
const KEYWORDS = new Set([
  'CAST',
  'AS',
  'CASE',
  'WHEN',
  'THEN',
  'ELSE',
  'END',
  'AND',
  'OR',
  'NOT',
  'NULL',
  'IS',
  'IN',
  'BETWEEN',
])

/**
 * Generated columns and CHECKs compute with stored rows, so a division of integers stays one: `/` becomes `//` where
 * every operand is surely an integer. Verification compares the values that come out.
 */
export function keepIntegerDivision(table: Table, source: string, target: string): Table {
  if (!dividedIntegers(source) || dividedIntegers(target)) return table
  const rewrite = (sql: string): string => (onlyIntegers(sql, table) ? withIntegerDivision(sql) : sql)
  return withExpressions(table, (sql, place) => (place === 'default' ? sql : rewrite(sql)))
}

function dividedIntegers(release: string): boolean {
  return /^0\.[4-7]\./.test(release)
}

function onlyIntegers(sql: string, table: Table): boolean {
  const integers = new Set(
    table.columns.flatMap(({ name, type }) =>
      type.kind === 'scalar' && INTEGERS.has(type.name) ? [name.toLowerCase()] : [],
    ),
  )
  return tokenize(sql).every(({ kind, text }) => {
    if (kind === 'quoted') return integers.has(text.toLowerCase())
    if (kind === 'word')
      return (
        integers.has(text.toLowerCase()) ||
        KEYWORDS.has(text.toUpperCase()) ||
        INTEGERS.has(text.toUpperCase())
      )
    return kind === 'number' ? /^\d+$/.test(text) : kind === 'symbol'
  })
}

function withIntegerDivision(sql: string): string {
  const divisions = tokenize(sql).filter((token) => isSymbol(token, '/'))
  return divisions.reduceRight((text, { start, end }) => `${text.slice(0, start)}//${text.slice(end)}`, sql)
}
