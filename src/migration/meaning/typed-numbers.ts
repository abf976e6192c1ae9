import { DuckfleetError } from '../../errors.js'
import { type Catalog, display, type Macro, type Table } from '../catalog/catalog.js'
import { isSymbol, isWord, tokenize } from '../sql/sql.js'
import type { StoredNumber, StoredNumbers } from '../file/stored-numbers.js'

/*
 * Up to 0.8 engines print the DOUBLE 1e5 in a macro, DEFAULT, CHECK or generated column as 100000.0, which every release
 * reads as a DECIMAL: it is written as 100000.0e0. Only what is stored tells it from a DECIMAL.
 */

/** The macros and tables of a catalog with an exponent at every number that is a DOUBLE. */
export function writeDoubles<T extends Pick<Catalog, 'macros' | 'tables'>>(
  catalog: T,
  stored: StoredNumbers,
): T {
  return {
    ...catalog,
    macros: catalog.macros.map((macro) => inMacro(macro, stored)),
    tables: catalog.tables.map((table) => inTable(table, stored)),
  }
}

function inMacro(macro: Macro, stored: StoredNumbers): Macro {
  const [definition = ''] = asStored([macro.definition], stored.of('macro', macro), `macro ${display(macro)}`)
  return { ...macro, definition }
}

function inTable(table: Table, stored: StoredNumbers): Table {
  const { columns, constraints } = table
  const texts = [
    ...columns.map((column) => column.generated ?? column.default ?? ''),
    ...constraints.map((constraint) => (constraint.kind === 'check' ? constraint.expression : '')),
  ]
  const now = asStored(texts, stored.of('table', table), `table ${display(table)}`)
  return {
    ...table,
    columns: columns.map((column, i) => ({
      ...column,
      default: column.default === undefined ? undefined : now[i],
      generated: column.generated === undefined ? undefined : now[i],
    })),
    constraints: constraints.map((constraint, i) =>
      constraint.kind === 'check'
        ? { ...constraint, expression: now[columns.length + i] ?? constraint.expression }
        : constraint,
    ),
  }
}

/** Texts of expressions, in the order in which they are stored, with an exponent at every DOUBLE. */
export function asStored(
  texts: readonly string[],
  stored: readonly StoredNumber[],
  what: string,
): readonly string[] {
  if (!stored.some(({ kind }) => kind === 'double')) return texts
  const printed = texts.flatMap((sql, text) =>
    tokenize(sql)
      .filter(({ kind, text: number }) => kind === 'number' && /^\d+\.\d+$/.test(number))
      .map(({ text: number, end }) => ({ number, text, end })),
  )
  const doubles = new Set(
    [...new Set(printed.map(({ number }) => number))].flatMap((number) => {
      const places = printed.filter((place) => place.number === number)
      const meant = stored.filter((one) => prints(one, number))
      if (meant.every(({ kind }) => kind === 'decimal')) return []
      if (meant.every(({ kind }) => kind === 'double')) return places
      // Both: then the order tells, where printing surely keeps it.
      const holders = texts.filter((_, i) => places.some(({ text }) => text === i))
      if (meant.length !== places.length || holders.some(isReordered)) throw untold(what, number)
      return places.filter((_, i) => meant[i]?.kind === 'double')
    }),
  )
  return texts.map((sql, text) =>
    printed.reduceRight(
      (now, place) =>
        place.text === text && doubles.has(place)
          ? `${now.slice(0, place.end)}e0${now.slice(place.end)}`
          : now,
      sql,
    ),
  )
}

/** May an engine have printed this number so? */
function prints(stored: StoredNumber, number: string): boolean {
  if (stored.kind === 'double') return Number(number) === stored.value && /\.(0|\d*[1-9])$/.test(number)
  return number.replace(/^0+/, '') === stored.text.replace(/^0+/, '')
}

/** Clauses that are stored before what is printed before them, or after it. */
const REORDERED = ['OVER', 'FILTER', 'ORDER', 'LIMIT', 'OFFSET', 'DISTINCT', 'WITH', 'PIVOT', 'UNPIVOT']

/** May the parts of an expression be stored in another order than that in which they are printed? */
function isReordered(sql: string): boolean {
  const tokens = tokenize(sql)
  // A query in another one may be stored before what it is compared with.
  if (tokens.filter((token) => isWord(token, 'SELECT')).length > 1) return true
  return tokens.some(
    (token, i) =>
      REORDERED.some((word) => isWord(token, word)) || (isSymbol(token, ':') && isSymbol(tokens[i + 1], '=')),
  )
}

function untold(what: string, number: string): DuckfleetError {
  return new DuckfleetError(
    'unsupported',
    `${what} holds ${number}, and it cannot be told where that is a DOUBLE and where a DECIMAL: write CAST('${number}' AS ` +
      'DOUBLE) for the DOUBLE in the source, with the release that wrote it, and run CHECKPOINT',
  )
}
