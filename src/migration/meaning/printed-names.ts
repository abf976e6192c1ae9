import type { Catalog } from '../catalog/catalog.js'
import { closingBracket, ident, isSymbol, isWord, splitList, type Token, tokenize } from '../sql/sql.js'
import { withExpressions } from './table-expressions.js'
import { mapParts, parseSimpleType } from '../sql/types.js'

/*
 * Up to 0.8 engines print some names without quotes: types in casts and the members of a UNION, `CAST(x AS my type)`, and
 * in queries the columns of USING, EXCLUDE, REPLACE and of a PIVOT's GROUP BY. Here they get them.
 */

/** The catalog with quotes around such names in its macros and tables. */
export function quoteNames<T extends Pick<Catalog, 'macros' | 'tables' | 'types'>>(catalog: T): T {
  const names = new Set(catalog.types.map(({ name }) => name).filter((name) => !parseSimpleType(name)))
  const quoted = (sql: string): string => quoteCasts(sql, names)
  return {
    ...catalog,
    macros: catalog.macros.map((macro) => ({ ...macro, definition: quoteColumns(quoted(macro.definition)) })),
    tables: catalog.tables.map((table) => withExpressions(table, quoted)),
  }
}

/** `names`: those of the types that the database has. */
export function quoteCasts(sql: string, names: ReadonlySet<string>): string {
  // From the end on, so that offsets before it stay right.
  return tokenize(sql).reduceRight((text, token, i, tokens) => {
    const open = tokens[i + 1]
    if (!(isWord(token, 'CAST') || isWord(token, 'TRY_CAST')) || !open || !isSymbol(open, '(')) return text
    const end = closingBracket(text, open.start)
    const as = end === undefined ? undefined : asIn(text, open.end, end - 1)
    if (end === undefined || as === undefined) return text
    const type = text.slice(as, end - 1).trim()
    return `${text.slice(0, as)} ${quoteType(type, names)}${text.slice(end - 1)}`
  }, sql)
}

/** The end of the word AS between two offsets that is in no bracket. */
function asIn(sql: string, from: number, to: number): number | undefined {
  let depth = 0
  const found = tokenize(sql.slice(from, to)).find((token: Token) => {
    if (token.kind === 'symbol' && '([{'.includes(token.text)) depth++
    if (token.kind === 'symbol' && ')]}'.includes(token.text)) depth--
    return depth === 0 && isWord(token, 'AS')
  })
  return found && from + found.end
}

function quoteType(type: string, names: ReadonlySet<string>): string {
  if (names.has(type)) return ident(type)
  if (type.endsWith('[]')) return `${quoteType(type.slice(0, -2), names)}[]`
  const [, kind, inside] = /^(STRUCT|UNION|MAP)\((.*)\)$/s.exec(type) ?? []
  if (inside === undefined) return type
  if (kind === 'MAP')
    return `MAP(${(mapParts(type) ?? [inside]).map((part) => quoteType(part, names)).join(', ')})`
  return `${kind ?? ''}(${splitList(inside)
    .map((field) => quoteField(field, names))
    .join(', ')})`
}

/** `a b INTEGER` → `"a b" INTEGER`: the name ends where the first type begins. */
function quoteField(field: string, names: ReadonlySet<string>): string {
  const [first] = tokenize(field)
  if (first?.kind === 'quoted')
    return `${field.slice(0, first.end)} ${quoteType(field.slice(first.end).trim(), names)}`
  const space = [...field.matchAll(/ /g)].find(({ index }) => isType(field.slice(index + 1), names))
  if (space === undefined) return field
  return `${ident(field.slice(0, space.index))} ${quoteType(field.slice(space.index + 1), names)}`
}

function isType(text: string, names: ReadonlySet<string>): boolean {
  const item = text.replace(/(\[\])+$/, '')
  return (
    names.has(item) || parseSimpleType(item) !== undefined || /^(STRUCT|UNION|MAP|ENUM)\(.*\)$/s.test(item)
  )
}

/** `USING (a, b c)` → `USING ("a", "b c")` and so on. */
export function quoteColumns(sql: string): string {
  return tokenize(sql).reduceRight((text, token, i, tokens) => {
    const open = tokens[i + 1]
    // An engine prints keywords in capitals; a name of capitals stands in quotes where it is one.
    if (token.kind !== 'word' || !open || !isSymbol(open, '(')) return text
    const end = closingBracket(text, open.start)
    const quote = quoterOf(token.text, tokens[i - 1])
    if (end === undefined || !quote) return text
    return `${text.slice(0, open.end)}${quote(text.slice(open.end, end - 1))}${text.slice(end - 1)}`
  }, sql)
}

function quoterOf(keyword: string, before: Token | undefined): ((list: string) => string) | undefined {
  if (keyword === 'USING') return quoteList
  if (keyword === 'PIVOT') return quoteGroups
  if (!isSymbol(before, '*') && !isSymbol(before, ')')) return undefined
  if (keyword === 'EXCLUDE') return quoteList
  return keyword === 'REPLACE' ? quoteReplaced : undefined
}

function quoteList(list: string): string {
  return splitList(list).map(quoteName).join(', ')
}

function quoteName(name: string): string {
  return tokenize(name)[0]?.kind === 'quoted' ? name : ident(name)
}

/** `(a + 1) AS b c, d AS e` → `(a + 1) AS "b c", d AS "e"` */
function quoteReplaced(list: string): string {
  const quoted = splitList(list).map((part) => {
    const as = asIn(part, 0, part.length)
    return as === undefined ? part : `${part.slice(0, as)} ${quoteName(part.slice(as).trim())}`
  })
  return quoted.join(', ')
}

/** `sum(v) FOR (a) IN (1) GROUP BY b c` → `… GROUP BY "b c"` */
function quoteGroups(pivot: string): string {
  let depth = 0
  const by = tokenize(pivot).find((token, i, tokens) => {
    if (token.kind === 'symbol' && '([{'.includes(token.text)) depth++
    if (token.kind === 'symbol' && ')]}'.includes(token.text)) depth--
    return depth === 0 && isWord(token, 'BY') && isWord(tokens[i - 1], 'GROUP')
  })
  return by ? `${pivot.slice(0, by.end)} ${quoteList(pivot.slice(by.end))}` : pivot
}
