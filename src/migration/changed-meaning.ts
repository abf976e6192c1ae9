import { type Catalog, display, type View, type ViewColumn } from './catalog.js'
import { isSymbol, tokenize } from './sql.js'
import { parseSimpleType } from './types.js'

/*
 * The same text can mean something else to another release. Nothing is rewritten, so that the file says what its owner
 * wrote; but the owner is told.
 */

/**
 * Up to 0.7 `/` divides integers without remainder, from 0.8 on it gives a fraction. Values of generated columns are
 * compared, so only what is computed later needs a warning.
 */
export function divisionWarnings(catalog: Catalog, source: string, target: string): string[] {
  if (!/^0\.[4-7]\./.test(source) || /^0\.[4-7]\./.test(target)) return []
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

/** Columns of a view that have another type in the target, as far as both releases print types alike. */
export function typeWarnings(view: View, now: readonly ViewColumn[]): string[] {
  if ('broken' in view.columns) return []
  return view.columns.flatMap(({ name, type }, i) => {
    const after = now[i]?.type ?? type
    const comparable = parseSimpleType(type) !== undefined && parseSimpleType(after) !== undefined
    return comparable && type !== after
      ? [`view ${display(view)}: column ${name} was ${type} and is ${after} in the target`]
      : []
  })
}
