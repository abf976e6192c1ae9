import type { Bind } from './bind.js'
import { constantType, isNull } from './constants.js'
import { castTo, isNode, isVolatileTree, type Node, numberNode } from './syntax-tree.js'

/*
 * Up to 0.8 the number 1 was an INTEGER wherever it stood: beside a SMALLINT or an unsigned number it is one of those now, and
 * overflows with them. UBIGINT and a signed number made a DOUBLE, `%` of a DECIMAL and `greatest` of any fraction too, and
 * `greatest` of integers a BIGINT, `round` of them a DOUBLE. The types are written.
 */

/** Operators that compute with two numbers of one type. */
const ARITHMETIC = /^([-+*%]|\/\/|mod|add|subtract|multiply|divide)$/
const REST = /^(%|mod)$/
const BITWISE = /^([&|]|<<|>>|xor)$/

const NARROW = /^(TINYINT|SMALLINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT)$/
const SIGNED = /^(TINYINT|SMALLINT|INTEGER|BIGINT)$/
const INTEGERS = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT)$/
const FRACTIONS = /^(DECIMAL.*|FLOAT|DOUBLE)$/

type Kind = 'arithmetic' | 'bitwise' | 'extreme' | 'choice'

function kindOf(node: Node): Kind | undefined {
  if (node['class'] === 'CASE' || node['type'] === 'OPERATOR_COALESCE') return 'choice'
  if (node['class'] !== 'FUNCTION') return undefined
  const name = String(node['function_name'])
  if (/^(greatest|least)$/.test(name)) return 'extreme'
  if (name === 'list_value') return 'choice'
  const isBinary = numbersOf(node).length === 2
  if (isBinary && ARITHMETIC.test(name)) return 'arithmetic'
  return isBinary && BITWISE.test(name) ? 'bitwise' : undefined
}

const isRound = (node: Node): boolean => node['class'] === 'FUNCTION' && node['function_name'] === 'round'

/** The values of an expression whose types tell which types have to be written. */
export function numbersIn(node: Node): Node[] {
  if (isRound(node)) return numbersOf(node).slice(0, 1)
  const kind = kindOf(node)
  const values = kind === undefined ? [] : numbersOf(node)
  const isFraction = values.some((value) => FRACTIONS.test(constantType(value) ?? ''))
  const isNever =
    // Numbers in quotes and times are looked at elsewhere.
    values.some((value) => constantType(value) === 'VARCHAR') ||
    (kind === 'choice' && !values.some(isInteger)) ||
    (kind === 'arithmetic' && isFraction && !REST.test(String(node['function_name'])))
  return isNever || values.every((value) => constantType(value) !== undefined && !isFraction) ? [] : values
}

/** The expression with the types that its numbers had. */
export async function inNumberTypes(node: Node, bind: Bind): Promise<Node> {
  const values = numbersIn(node)
  if (values.length === 0) return node
  const types: string[] = []
  for (const value of values) {
    const constant = constantType(value)
    const found = constant === undefined ? await bind(value) : { type: constant }
    if ('complaint' in found) return node
    types.push(found.type)
  }
  if (isRound(node)) return ofDouble(node, types)
  const wanted = typeFor(node, types)
  if (wanted === undefined) return withoutZero(withIntegers(node, types), types)
  if (types.every((type) => type === wanted)) return withoutZero(node, types)
  return withoutZero(
    mapValues(node, (value) => (isNull(value) ? value : castTo(wanted, value))),
    [wanted],
  )
}

/** `round(i, -1)` → `round(CAST(i AS DOUBLE), -1)`: near the limits of its type the target rounds to another number. */
function ofDouble(node: Node, [type = '']: readonly string[]): Node {
  const [value, ...digits] = numbersOf(node)
  return INTEGERS.test(type) || type === 'HUGEINT'
    ? { ...node, children: [castTo('DOUBLE', value), ...digits] }
    : node
}

/** With the types of its whole numbers beside those that are narrow. */
function withIntegers(node: Node, types: readonly string[]): Node {
  if (kindOf(node) === 'extreme' || !types.some((type) => NARROW.test(type))) return node
  return mapValues(node, (value) => (isInteger(value) ? castTo(constantType(value) ?? '', value) : value))
}

/** A fraction `% 0` was NULL, and is nan now. */
function withoutZero(node: Node, types: readonly string[]): Node {
  const [value, divisor] = numbersOf(node)
  const isFloat = types.some((type) => /^(FLOAT|DOUBLE)$/.test(type))
  if (!REST.test(String(node['function_name'])) || !isFloat || !divisor || !mayBeZero(divisor)) return node
  const zero = { type: { id: 'INTEGER', type_info: null }, is_null: false, value: numberNode('0') }
  const constant = { class: 'CONSTANT', type: 'VALUE_CONSTANT', alias: '', value: zero }
  const call = { function_name: 'nullif', is_operator: false, alias: '', schema: '', catalog: '' }
  return { ...node, children: [value, { ...node, ...call, children: [divisor, constant] }] }
}

/** What is different each time must not be asked twice, as nullif does. */
function mayBeZero(divisor: Node): boolean {
  const constant = isNode(divisor['child']) ? divisor['child'] : divisor
  if (constantType(constant) !== undefined)
    return /^\{"[^"]*":"-?[0.]*"\}$/.test(JSON.stringify(valueOf(constant)))
  return !isVolatileTree(divisor)
}

function valueOf(constant: Node): unknown {
  return isNode(constant['value']) ? constant['value']['value'] : undefined
}

/** The type in which it was computed, where the target takes another one. */
function typeFor(node: Node, types: readonly string[]): string | undefined {
  const all = new Set(types.filter((type) => !/^"?NULL"?$/.test(type)))
  const has = (kind: RegExp): boolean => [...all].some((type) => kind.test(type))
  const only = (...kinds: readonly RegExp[]): boolean =>
    [...all].every((type) => kinds.some((kind) => kind.test(type)))
  const kind = kindOf(node)
  const isMixed = all.has('UBIGINT') && only(INTEGERS) && (has(SIGNED) || numbersOf(node).some(isInteger))
  if (kind === 'bitwise') return isMixed && numbersOf(node).some(isInteger) ? 'HUGEINT' : undefined
  if (kind === 'arithmetic') {
    const isRest = REST.test(String(node['function_name']))
    const isFraction = isRest && has(/^DECIMAL/) && only(INTEGERS, /^HUGEINT$/, /^DECIMAL/)
    return isMixed || isFraction ? 'DOUBLE' : undefined
  }
  if (kind !== 'extreme') return undefined
  if (has(/^BOOLEAN$/) && only(INTEGERS, FRACTIONS, /^(HUGEINT|BOOLEAN)$/)) return 'VARCHAR'
  if (has(FRACTIONS) && only(INTEGERS, FRACTIONS, /^HUGEINT$/)) return 'DOUBLE'
  if (all.has('UBIGINT') && only(INTEGERS)) return 'DOUBLE'
  return all.size > 0 && only(INTEGERS) ? 'BIGINT' : undefined
}

function isInteger(value: Node): boolean {
  return /^(INTEGER|BIGINT|HUGEINT)$/.test(constantType(value) ?? '')
}

function numbersOf(node: Node): Node[] {
  const branches = [node['case_checks']].flat().filter(isNode)
  const values = [node['children'], node['else_expr']].flat().filter(isNode)
  return [...branches.map((branch) => branch['then_expr']).filter(isNode), ...values]
}

function mapValues(node: Node, change: (value: Node) => Node): Node {
  const changed = (value: unknown): unknown => (isNode(value) ? change(value) : value)
  if (node['class'] !== 'CASE') return { ...node, children: [node['children']].flat().map(changed) }
  const checks = [node['case_checks']]
    .flat()
    .filter(isNode)
    .map((branch) => ({ ...branch, then_expr: changed(branch['then_expr']) }))
  return { ...node, case_checks: checks, else_expr: changed(node['else_expr']) }
}
