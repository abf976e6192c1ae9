import { isNode, type Node } from './syntax-tree.js'

/** The type that the target finds for an expression, or its complaint. */
export type Bind = (expression: Node) => Promise<{ readonly type: string } | { readonly complaint: string }>

/** Types of which, and of VARCHAR, releases up to 0.8 make VARCHAR. */
const TIMES = /^(DATE|TIME|TIMESTAMP(_S|_MS|_NS)?)$/
const TIMES_AND_NUMBERS =
  /^(DATE|TIME|TIMESTAMP(_S|_MS|_NS)?|BOOLEAN|TINYINT|SMALLINT|INTEGER|BIGINT|DECIMAL\(.*|FLOAT|DOUBLE)$/

/** Expressions with values for which one type is needed. */
interface Kind {
  readonly is: (node: Node) => boolean
  /** Fields with the values. */
  readonly fields: readonly string[]
  /** Types that give way to VARCHAR there. */
  readonly givesWay: RegExp
}

const KINDS: readonly Kind[] = [
  {
    is: (node) => node['class'] === 'CASE',
    fields: ['case_checks', 'else_expr'],
    givesWay: TIMES_AND_NUMBERS,
  },
  {
    is: ({ type, function_name: name }) =>
      /^(OPERATOR_COALESCE|COMPARE_IN|COMPARE_NOT_IN)$/.test(String(type)) ||
      /^(list_value|greatest|least)$/.test(String(name)),
    fields: ['children'],
    givesWay: TIMES_AND_NUMBERS,
  },
  // A number is compared with a text as a number.
  { is: (node) => node['class'] === 'COMPARISON', fields: ['left', 'right'], givesWay: TIMES },
  { is: (node) => node['class'] === 'BETWEEN', fields: ['input', 'lower', 'upper'], givesWay: TIMES },
]

/** The expression with the casts to VARCHAR that releases up to 0.8 made where a text stands beside other values. */
export async function inOneType(node: Node, bind: Bind): Promise<Node> {
  const kind = KINDS.find(({ is }) => is(node))
  if (!kind) return node
  const values = kind.fields.flatMap((field) => [node[field]].flat().filter(isNode).map(valueOf))
  const types: string[] = []
  for (const value of values) types.push(isNull(value) ? '' : await typeOf(value, bind))
  if (!types.includes('VARCHAR') || !types.some((type) => kind.givesWay.test(type))) return node
  // Such texts compare like dates.
  if (values.every((value, i) => types[i] === 'DATE' || isDate(value))) return node
  const changed = kind.fields.map((field): [string, unknown] => {
    const child = node[field]
    return [field, Array.isArray(child) ? child.map(castValue) : castValue(child)]
  })
  return { ...node, ...Object.fromEntries(changed) }
}

/** Of a branch of a CASE, what it gives. */
function valueOf(child: Node): Node {
  return isNode(child['then_expr']) ? child['then_expr'] : child
}

function castValue(child: unknown): unknown {
  return isNode(child) && isNode(child['then_expr'])
    ? { ...child, then_expr: toText(child['then_expr']) }
    : toText(child)
}

export function toText(child: unknown): Node {
  const type = { id: 'VARCHAR', type_info: null }
  return { class: 'CAST', type: 'OPERATOR_CAST', alias: '', child, cast_type: type, try_cast: false }
}

async function typeOf(value: Node, bind: Bind): Promise<string> {
  const found = await bind(value)
  return 'type' in found ? found.type : ''
}

function isNull(node: Node): boolean {
  return isNode(node['value']) && node['value']['is_null'] === true
}

function isDate(node: Node): boolean {
  return isNode(node['value']) && /^\d{4}-\d\d-\d\d$/.test(String(node['value']['value']))
}
