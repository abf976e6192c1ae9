import { constantText } from './constants.js'
import { isNode, type Node } from './syntax-tree.js'

/*
 * Up to 0.8 a TIMESTAMP or TIME was compared with a text as text; but in a query the optimizer, which sees constants, made
 * one of a constant text that is one. Tried in 0.6, 0.7.1 and 0.8.1.
 */

/** How a text and a TIMESTAMP or TIME have to be compared so that it means what it meant: as the target does, or as texts. */
export type Comparison = 'as it is' | 'as texts' | 'not known'

/** `isColumn`: is it a column, whose value only rows tell? */
export function compareStamp(
  { stamp, type }: { readonly stamp: Node; readonly type: string | undefined },
  text: Node,
  isColumn: (node: Node) => boolean,
): Comparison {
  const constant = constantText(text)
  if (constant === undefined) return holds(text, isColumn) ? 'as texts' : 'not known'
  if (!holds(stamp, isColumn)) return isConstant(stamp) ? 'as texts' : 'not known'
  if (type === 'TIME' ? isTime(constant) : isStamp(constant)) return 'as it is'
  return MAYBE_STAMP.test(constant) ? 'not known' : 'as texts'
}

function holds(node: unknown, isColumn: (node: Node) => boolean): boolean {
  if (Array.isArray(node)) return (node as unknown[]).some((one) => holds(one, isColumn))
  return isNode(node) && (isColumn(node) || Object.values(node).some((child) => holds(child, isColumn)))
}

/** `TIMESTAMP '2020-01-01'` is a cast. */
function isConstant(node: Node): boolean {
  return node['class'] === 'CONSTANT' || (isNode(node['child']) && isConstant(node['child']))
}

const STAMP = /^(\d{4}-\d{1,2}-\d{1,2})([ T]\d\d:\d\d:\d\d(\.\d{1,6})?)?$/
/** Whatever any release may take for one; `10:00` is a TIME only to later ones. */
const MAYBE_STAMP = /\d\D+\d+\D+\d|inf|epoch/i

/** Is a text a TIMESTAMP to every release? */
function isStamp(constant: string): boolean {
  const [, day, time = ''] = STAMP.exec(constant) ?? []
  if (day === undefined) return false
  const [year = 0, month = 0, date = 0] = day.split('-').map(Number)
  const isDay =
    month >= 1 && month <= 12 && date >= 1 && date <= new Date(Date.UTC(year, month, 0)).getUTCDate()
  return isDay && !/[ T](2[4-9]|[3-9])|:[6-9]/.test(time)
}

/** And a TIME? */
function isTime(constant: string): boolean {
  return /^([01]?\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?$/.test(constant)
}
