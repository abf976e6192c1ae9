import { display, type View, type ViewColumn } from '../catalog/catalog.js'
import { parseSimpleType } from '../sql/types.js'

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
