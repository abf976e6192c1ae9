import type { Catalog, Table } from '../catalog/catalog.js'
import { keepSpelling } from './kept-spelling.js'
import { closingBracket, isSymbol, isWord, splitList, type Token, tokenize } from '../sql/sql.js'
import { withExpressions } from './table-expressions.js'

/*
 * Expressions that are written anew, so that the target computes what 0.6 – 0.8 did. Checked against 0.6.1, 0.7.1 and 0.8.1:
 * slices of texts and lists with every kind of bound, divisions of every type of number, subscripts of maps.
 */

/** The catalog of a file with expressions that mean the same to a target from 1.0 on. */
export function keepMeaning(read: Catalog, source: string, target: string): Catalog {
  if (/^0\./.test(target)) return read
  if (!/^0\.[678]\./.test(source)) return read
  const catalog = keepTyped(read)
  // Engines print what follows with a bracket around every operation; views are as somebody typed them.
  const printed = (sql: string): string => keepDivision(keepSlices(sql))
  return {
    ...catalog,
    views: catalog.views.map((view) => ({ ...view, query: keepSlices(view.query) })),
    macros: catalog.macros.map((macro) => ({ ...macro, definition: printed(macro.definition) })),
    indexes: catalog.indexes.map((index) => ({ ...index, definition: keepSlices(index.definition) })),
    tables: catalog.tables.map((table) => keepTable(table, printed)),
  }
}

/** Views and indexes are as somebody typed them. */
function keepTyped(catalog: Catalog): Catalog {
  return {
    ...catalog,
    views: catalog.views.map((view) => ({ ...view, query: keepSpelling(view.query) })),
    indexes: catalog.indexes.map((index) => ({ ...index, definition: keepSpelling(index.definition) })),
  }
}

function keepTable(table: Table, printed: (sql: string) => string): Table {
  const maps = new Set(
    table.columns.flatMap(({ name, type }) => (type.kind === 'map' ? [name.toLowerCase()] : [])),
  )
  const ofRow = (sql: string): string => printed(keepSubscripts(sql, maps))
  return withExpressions(table, (sql, place) => (place === 'default' ? printed(sql) : ofRow(sql)))
}

/**
 * A bound that is NULL was an open one, and is NULL now; a last place from the end was the first one left out, and is the
 * last one taken now: `x[2:NULL]` → `x[2:]`, `x[1:-1]` → `x[1:-2]`, `array_slice(x, 2, NULL)` → `(x)[2:]`.
 */
export function keepSlices(sql: string): string {
  // From the end on, so that what stands in brackets is done before what is around it.
  return slices(sql).reduceRight((text, { start }) => {
    const slice = slices(text).find((one) => one.start === start)
    if (!slice || (isKept(slice.from) && isKept(slice.to))) return text
    const bounds = `[${openBound(slice.from)}:${lastPlace(openBound(slice.to))}]`
    const value = slice.value === undefined ? '' : `(${slice.value})`
    return `${text.slice(0, start)}${value}${bounds}${text.slice(slice.end)}`
  }, sql)
}

const isKept = (bound: string): boolean => !/^NULL$|^\(?-/i.test(bound)
const openBound = (bound: string): string => (/^NULL$/i.test(bound) ? '' : bound)
const lastPlace = (bound: string): string =>
  bound.replace(
    /^(\(?)-\s*(\d+)(\)?)$/,
    (_, open: string, n: string, close: string) => `${open}-${BigInt(n) + 1n}${close}`,
  )

export interface Slice {
  readonly start: number
  readonly end: number
  /** Undefined where it stands before the bracket. */
  readonly value: string | undefined
  readonly from: string
  readonly to: string
}

/** `x[from:to]` from its bracket on, and calls of `array_slice`. */
export function slices(sql: string): Slice[] {
  const tokens = tokenize(sql)
  return tokens.flatMap((token, i): Slice[] => {
    const next = tokens[i + 1]
    if (isSymbol(token, '[')) {
      const end = closingBracket(sql, token.start)
      const colon = end === undefined ? undefined : colonIn(sql, token.end, end - 1)
      if (end === undefined || colon === undefined) return []
      const from = sql.slice(token.end, colon).trim()
      return [{ start: token.start, end, value: undefined, from, to: sql.slice(colon + 1, end - 1).trim() }]
    }
    if (!/^(array|list)_slice$/i.test(token.text) || !next || !isSymbol(next, '(')) return []
    const end = closingBracket(sql, next.start)
    const [value, from, to, ...more] = end === undefined ? [] : splitList(sql.slice(next.end, end - 1))
    if (end === undefined || value === undefined || from === undefined || to === undefined) return []
    return more.length > 0 ? [] : [{ start: startOfCall(tokens, i), end, value, from, to }]
  })
}

/** Engines print some functions with their schema: `main.array_slice(…)`. */
function startOfCall(tokens: readonly Token[], i: number): number {
  const first = isSymbol(tokens[i - 1], '.') && isWord(tokens[i - 2], 'MAIN') ? tokens[i - 2] : tokens[i]
  return first?.start ?? 0
}

/** The offset of the only colon between two offsets that is in no bracket, and no cast. */
function colonIn(sql: string, from: number, to: number): number | undefined {
  let depth = 0
  const inside = tokenize(sql.slice(from, to))
  const colons = inside.filter((token, i) => {
    if (token.kind !== 'symbol') return false
    if ('([{'.includes(token.text)) depth++
    if (')]}'.includes(token.text)) depth--
    const [before, after] = [inside[i - 1], inside[i + 1]]
    const alone =
      !(isSymbol(after, ':') && after?.start === token.end) &&
      !(isSymbol(before, ':') && before?.end === token.start)
    return token.text === ':' && depth === 0 && alone && !isSymbol(after, '=')
  })
  return colons.length === 1 && colons[0] ? from + colons[0].start : undefined
}

/**
 * A number divided by 0 was NULL, and is infinite now: `(a / b)` → `(a / nullif(b, 0))`. The 0 is a DOUBLE so that no
 * divisor is cut to an integer.
 */
export function keepDivision(printed: string): string {
  const divisions = divisionsIn(tokenize(printed))
  return divisions.reduceRight((text, { end }) => {
    const close = closeAround(text, end)
    const divisor = close === undefined ? undefined : text.slice(end, close).trim()
    if (close === undefined || divisor === undefined || !mayBeZero(divisor) || !isRepeatable(divisor))
      return text
    return `${text.slice(0, end)} nullif(${divisor}, CAST(0 AS DOUBLE))${text.slice(close)}`
  }, printed)
}

/** The symbols `/`, without those of `//`. */
export function divisionsIn(tokens: readonly Token[]): Token[] {
  return tokens.filter(
    (token, i) => isSymbol(token, '/') && !isSymbol(tokens[i + 1], '/') && !isSymbol(tokens[i - 1], '/'),
  )
}

/** Offset of the bracket that closes the one around `from`. */
function closeAround(text: string, from: number): number | undefined {
  let depth = 0
  for (const token of tokenize(text.slice(from))) {
    if (token.kind !== 'symbol') continue
    if ('([{'.includes(token.text)) depth++
    else if (token.text === ',' && depth === 0) return undefined
    else if (')]}'.includes(token.text) && --depth < 0)
      return token.text === ')' ? from + token.start : undefined
  }
  return undefined
}

export function mayBeZero(divisor: string): boolean {
  const [first] = tokenize(divisor)
  return (
    !(first?.kind === 'number' && /[1-9]/.test(first.text.replace(/e.*$/i, ''))) && !isWord(first, 'NULLIF')
  )
}

/** Functions that give the same when they are called twice. */
const REPEATABLE =
  /^(CAST|AS|DECIMAL|VARCHAR|sum|count|count_star|avg|min|max|len|length|abs|coalesce|array_length)$/i

function isRepeatable(expression: string): boolean {
  const tokens = tokenize(expression)
  const called = (token: Token, i: number): boolean => token.kind !== 'symbol' && isSymbol(tokens[i + 1], '(')
  return tokens.every(
    (token, i) => !isWord(token, 'SELECT') && (!called(token, i) || REPEATABLE.test(token.text)),
  )
}

/** A subscript of a map was a list of the values that were found, none for NULL, and is the value now. */
function keepSubscripts(sql: string, maps: ReadonlySet<string>): string {
  return tokenize(sql).reduceRight((text, token, i, tokens) => {
    const [open, dot] = [tokens[i + 1], tokens[i - 1]]
    if (!(token.kind === 'word' || token.kind === 'quoted') || !maps.has(token.text.toLowerCase()))
      return text
    if (!open || !isSymbol(open, '[') || isSymbol(dot, '.')) return text
    const end = closingBracket(text, open.start)
    if (end === undefined || colonIn(text, open.end, end - 1) !== undefined) return text
    const column = text.slice(token.start, token.end)
    return `${text.slice(0, token.start)}coalesce(map_extract(${column}, ${text.slice(open.end, end - 1)}), [])${text.slice(end)}`
  }, sql)
}
