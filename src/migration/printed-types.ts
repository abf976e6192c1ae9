import type { Catalog, Table } from './catalog.js'
import { closingBracket, ident, isSymbol, isWord, splitList, type Token, tokenize } from './sql.js'
import { mapParts, parseSimpleType } from './types.js'

/*
 * Up to 0.8 engines print no quotes around the names of types in casts, nor around the members of a UNION: `CAST(x AS my
 * type)`. Here they get them.
 */

/** The catalog with quotes around the names in the types that its macros and tables cast to. */
export function quoteTypes<T extends Pick<Catalog, 'macros' | 'tables' | 'types'>>(catalog: T): T {
  const names = new Set(catalog.types.map(({ name }) => name).filter((name) => !parseSimpleType(name)))
  const quoted = (sql: string): string => quoteCasts(sql, names)
  return {
    ...catalog,
    macros: catalog.macros.map((macro) => ({ ...macro, definition: quoted(macro.definition) })),
    tables: catalog.tables.map((table) => inTable(table, quoted)),
  }
}

function inTable(table: Table, quoted: (sql: string) => string): Table {
  return {
    ...table,
    columns: table.columns.map((column) => ({
      ...column,
      default: column.default === undefined ? undefined : quoted(column.default),
      generated: column.generated === undefined ? undefined : quoted(column.generated),
    })),
    constraints: table.constraints.map((constraint) =>
      constraint.kind === 'check' ? { ...constraint, expression: quoted(constraint.expression) } : constraint,
    ),
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
