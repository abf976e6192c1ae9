import type { Bind } from './bind.js'
import { compareStamp, type Comparison } from './compared-stamps.js'
import { constantText, constantType, isNull } from './constants.js'
import { literal, splitList } from '../sql/sql.js'
import { castTo, isNode, type Node, type Parser } from './syntax-tree.js'

/** Types of which, and of VARCHAR, releases up to 0.8 make VARCHAR. */
const TIMES = /^(DATE|TIME|TIMESTAMP(_S|_MS|_NS)?)$/
export const TIMES_AND_NUMBERS =
  /^(DATE|TIME|TIMESTAMP(_S|_MS|_NS)?|BOOLEAN|TINYINT|SMALLINT|INTEGER|BIGINT|DECIMAL.*|FLOAT|DOUBLE)$/
const NUMBERS = /^(BOOLEAN|U?(TINYINT|SMALLINT|INTEGER|BIGINT)|HUGEINT|DECIMAL\(.*\)|FLOAT|DOUBLE)$/
const ALL_BUT_BYTES = /^(?!BLOB$|ENUM\()/

/** Expressions with values for which one type is needed. */
interface Kind {
  readonly is: (node: Node) => boolean
  /** Fields with the values. */
  readonly fields: readonly string[]
  /** Types that give way to VARCHAR there. */
  readonly givesWay: RegExp
  /** What it gives: one of the values, or only whether they are alike. */
  readonly gives: 'value' | 'equality' | 'order'
}

const named = (node: Node, names: RegExp): boolean =>
  node['class'] === 'FUNCTION' && names.test(String(node['function_name']))

const KINDS: readonly Kind[] = [
  {
    is: (node) => node['class'] === 'CASE',
    fields: ['case_checks', 'else_expr'],
    givesWay: TIMES_AND_NUMBERS,
    gives: 'value',
  },
  {
    is: (node) => node['type'] === 'OPERATOR_COALESCE' || named(node, /^list_value$/),
    fields: ['children'],
    givesWay: TIMES_AND_NUMBERS,
    gives: 'value',
  },
  {
    is: ({ type }) => /^COMPARE_(NOT_)?IN$/.test(String(type)),
    fields: ['children'],
    givesWay: TIMES_AND_NUMBERS,
    gives: 'equality',
  },
  {
    is: (node) => named(node, /^(greatest|least)$/),
    fields: ['children'],
    givesWay: ALL_BUT_BYTES,
    gives: 'value',
  },
  // A number is compared with a text as a number.
  {
    is: ({ type }) => /^COMPARE_(EQUAL|NOTEQUAL|(NOT_)?DISTINCT_FROM)$/.test(String(type)),
    fields: ['left', 'right'],
    givesWay: TIMES,
    gives: 'equality',
  },
  {
    is: (node) => node['class'] === 'COMPARISON',
    fields: ['left', 'right'],
    givesWay: TIMES,
    gives: 'order',
  },
  {
    is: (node) => node['class'] === 'BETWEEN',
    fields: ['input', 'lower', 'upper'],
    givesWay: TIMES,
    gives: 'order',
  },
  { is: (node) => named(node, /^nullif$/), fields: ['children'], givesWay: TIMES, gives: 'equality' },
  {
    is: (node) => named(node, /^(list|array)_(contains|has|position|indexof)$/),
    fields: ['children'],
    givesWay: TIMES_AND_NUMBERS,
    gives: 'equality',
  },
]

/** Was a text compared with a time as text? */
export function mixesTimes(types: readonly string[]): boolean {
  return types.includes('VARCHAR') && types.some((type) => TIMES.test(type) || type.startsWith('ENUM('))
}

/** An expression, and whether it surely means what it meant. */
export interface Sure {
  readonly node: Node
  readonly isSure: boolean
}

/** The values of an expression for which one type is needed. */
export function valuesIn(node: Node): Node[] {
  const kind = KINDS.find(({ is }) => is(node))
  return kind ? kind.fields.flatMap((field) => [node[field]].flat().filter(isNode).map(valueOf)) : []
}

/** What is told about the place of an expression. */
export interface InPlace {
  readonly parser: Parser
  /** In a query, of which an optimizer sees the constants. */
  readonly isColumn?: (node: Node) => boolean
}

/** The expression with the casts to VARCHAR that releases up to 0.8 made where a text stands beside other values. */
export async function inOneType(
  node: Node,
  bind: Bind,
  { parser, isColumn }: Partial<InPlace> = {},
): Promise<Sure> {
  const kind = KINDS.find(({ is }) => is(node))
  const values = valuesIn(node)
  // Texts alone need no engine, and a number is compared as a number.
  const isText = (value: Node): boolean => constantType(value) === 'VARCHAR' || isNull(value)
  const isNumber = (value: Node): boolean => constantType(value) !== undefined && !isText(value)
  if (!kind || values.every(isText) || (kind.givesWay === TIMES && values.some(isNumber)))
    return { node, isSure: true }
  const isSearch = named(node, /^(list|array)_/) && !named(node, /^list_value$/)
  const types: (string | undefined)[] = []
  for (const [i, value] of values.entries()) {
    const type = isNull(value) ? 'NULL' : await typeOf(value, bind)
    types.push(isSearch && i === 0 ? type?.replace(/\[\d*\]$/, '') : type)
  }
  const rest = types.filter((type) => type !== 'VARCHAR' && type !== 'NULL' && type !== '"NULL"')
  if (rest.length === 0) return { node, isSure: true }
  if (rest.includes(undefined)) return { node, isSure: !mayMix(kind, values) }
  if (rest.some(isEnum)) return { node, isSure: isSureOfEnums(kind, node, values, types) }
  if (kind.gives !== 'value' && areOtherNested(types)) return { node, isSure: false }
  if (!types.includes('VARCHAR')) return { node, isSure: true }
  const givingWay = rest.filter((type) => kind.givesWay.test(type ?? ''))
  // Types that do not give way to VARCHAR did not before either; of several types it depends on their order.
  if (givingWay.length < rest.length) return { node, isSure: givingWay.length === 0 }
  // Such texts compare like dates.
  if (kind.gives !== 'value' && values.every((value, i) => types[i] === 'DATE' || isDate(value)))
    return { node, isSure: true }
  const comparison = isColumn ? comparedAs(kind, node, values, types, isColumn) : 'as texts'
  if (comparison !== 'as texts') return { node, isSure: comparison === 'as it is' }
  if (isSearch) return searchText(node, values, await parser?.type('VARCHAR[]'))
  if (named(node, /^nullif$/)) return { node: nullIfText(node, values), isSure: true }
  const changed = kind.fields.map((field): [string, unknown] => {
    const child = node[field]
    return [field, Array.isArray(child) ? child.map(castValue) : castValue(child)]
  })
  return { node: { ...node, ...Object.fromEntries(changed) }, isSure: true }
}

/** A text that was compared with a number became one: `v > 2`, which later releases refuse without a cast. */
export async function comparedAsNumbers(node: Node, bind: Bind, parser: Parser): Promise<Node> {
  const kind = KINDS.find(({ is }) => is(node))
  if (kind?.gives !== 'order') return node
  // A text in quotes becomes a number without a cast.
  const values = valuesIn(node).filter((value) => constantText(value) === undefined && !isNull(value))
  const isConstant = (value: Node): boolean => constantType(value) !== undefined
  const types = new Map<string, Node>()
  for (const value of [...values.filter((one) => !isConstant(one)), ...values.filter(isConstant)]) {
    // Constants are only of interest beside a text.
    if (isConstant(value) && !types.has('VARCHAR')) return node
    const found = await bind(value)
    if ('complaint' in found) return node
    types.set(found.type, value)
  }
  const numbers = [...types].filter(([type]) => type !== 'VARCHAR')
  if (numbers.length === types.size || !numbers.every(([type]) => NUMBERS.test(type))) return node
  const type = await typeOfAll(numbers, bind, parser)
  if (type === undefined) return node
  return { ...node, ...Object.fromEntries(kind.fields.map((field) => [field, castTo(type, node[field])])) }
}

/** The type of all numbers of `v BETWEEN 1 AND 2.5`. */
async function typeOfAll(
  numbers: readonly (readonly [string, Node])[],
  bind: Bind,
  parser: Parser,
): Promise<Node | undefined> {
  const [first, ...others] = numbers
  if (!first || others.length === 0) return first && (await parser.type(first[0]))
  const children: Node[] = []
  for (const [name, value] of numbers) {
    const type = await parser.type(name)
    if (!type) return undefined
    // A constant would become what the others are.
    children.push(castTo(type, value))
  }
  const found = await bind({ class: 'OPERATOR', type: 'OPERATOR_COALESCE', alias: '', children })
  // UBIGINT and a signed number were a DOUBLE.
  const isKept =
    'type' in found && (found.type !== 'HUGEINT' || numbers.some(([type]) => type === found.type))
  return isKept ? await parser.type(found.type) : undefined
}

/** How a comparison in a query was made. */
function comparedAs(
  kind: Kind,
  node: Node,
  values: readonly Node[],
  types: Types,
  isColumn: (node: Node) => boolean,
): Comparison {
  const isIn = /^COMPARE_(NOT_)?IN$/.test(String(node['type']))
  const isStamp = (i: number): boolean => /^TIME/.test(types[i] ?? '')
  if (!(isIn || kind.givesWay === TIMES) || !types.some((_, i) => isStamp(i))) return 'as texts'
  const [first, ...others] = values
  // The optimizer looked elsewhere for what stands there twice.
  if (!first || (named(node, /^nullif$/) && first['class'] !== 'COLUMN_REF')) return 'not known'
  // Of several values it looked only at those of a TIMESTAMP before them.
  if (isIn && others.length > 1 && !isStamp(0)) return 'as texts'
  const found = others.map((other, i): Comparison => {
    if (types[0] !== 'VARCHAR' && types[i + 1] !== 'VARCHAR') return 'not known'
    const at = isStamp(0) ? 0 : i + 1
    const [stamp, text] = at === 0 ? [first, other] : [other, first]
    return isStamp(at) ? compareStamp({ stamp, type: types[at] }, text, isColumn) : 'not known'
  })
  const all = new Set(found)
  if (all.size === 1) return found[0] ?? 'not known'
  // One text that is no TIMESTAMP makes texts of all values of an IN.
  return isIn && !all.has('not known') ? 'as texts' : 'not known'
}

/** May a constant text stand beside a number or a time, where the types of some values are not known? */
function mayMix(kind: Kind, values: readonly Node[]): boolean {
  const texts = values.map(constantText).filter((constant) => constant !== undefined)
  if (kind.gives === 'value') return texts.length > 0
  return texts.some((constant) => (kind.givesWay === TIMES ? LIKE_TIME : LIKE_NUMBER_OR_TIME).test(constant))
}

/** Texts that can be compared with such values at all. */
const LIKE_TIME = /^\s*\d+[-:]\d/
const LIKE_NUMBER_OR_TIME = /^\s*([-+.\d]|true$|false$)/i

type Types = readonly (string | undefined)[]

const isEnum = (type: string | undefined): boolean => type?.startsWith('ENUM(') === true

/**
 * Beside an ENUM a text became one of its labels, or NULL, but for an IN; it stays a text now. What is no text was
 * compared as one.
 */
function isSureOfEnums(kind: Kind, node: Node, values: readonly Node[], types: Types): boolean {
  const others = types.filter((type) => !isEnum(type) && type !== 'NULL')
  if (others.length === 0) return true
  if (others.some((type) => type !== 'VARCHAR') || kind.gives !== 'equality') return false
  return /^COMPARE_(NOT_)?IN$/.test(String(node['type'])) || areLabels(values, types)
}

function areLabels(values: readonly Node[], types: Types): boolean {
  const labels = types.filter(isEnum).map((type = '') => new Set(splitList(type.slice('ENUM('.length, -1))))
  return values.every((value, i) => {
    const constant = constantText(value)
    return (
      types[i] !== 'VARCHAR' || labels.every((one) => constant !== undefined && one.has(literal(constant)))
    )
  })
}

/** Lists and structs of texts were compared with others, and with texts, as other releases do not. */
function areOtherNested(types: Types): boolean {
  const isNested = (type: string | undefined): boolean => /\]$|^(STRUCT|MAP)\(/.test(type ?? '')
  if (!types.some(isNested)) return false
  const [first, ...others] = types.filter((type) => type !== 'NULL' && type !== '"NULL"')
  const withTexts = (type = ''): boolean => /\bVARCHAR\b/.test(type)
  return others.some((type) => type !== first && withTexts(type) !== withTexts(first))
}

/** `list_contains(l, x)` */
function searchText(node: Node, values: readonly Node[], textList: Node | undefined): Sure {
  const [list, value] = values
  if (textList === undefined || !list) return { node, isSure: false }
  return {
    node: { ...node, children: [castTo(textList, list), castTo('VARCHAR', value)] },
    isSure: true,
  }
}

/** `nullif(a, b)` gives a, in its own type. */
function nullIfText(node: Node, [value, other]: readonly Node[]): Node {
  const when = {
    class: 'COMPARISON',
    type: 'COMPARE_EQUAL',
    alias: '',
    left: castTo('VARCHAR', value),
    right: castTo('VARCHAR', other),
  }
  const nothing = {
    class: 'CONSTANT',
    type: 'VALUE_CONSTANT',
    alias: '',
    value: { type: { id: 'NULL', type_info: null }, is_null: true },
  }
  const checks = [{ when_expr: when, then_expr: nothing }]
  return {
    class: 'CASE',
    type: 'CASE_EXPR',
    alias: node['alias'],
    case_checks: checks,
    else_expr: value,
  }
}

/** Of a branch of a CASE, what it gives. */
function valueOf(child: Node): Node {
  return isNode(child['then_expr']) ? child['then_expr'] : child
}

function castValue(child: unknown): unknown {
  return isNode(child) && isNode(child['then_expr'])
    ? { ...child, then_expr: castTo('VARCHAR', child['then_expr']) }
    : castTo('VARCHAR', child)
}

async function typeOf(value: Node, bind: Bind): Promise<string | undefined> {
  const constant = constantType(value)
  if (constant !== undefined) return constant
  const found = await bind(value)
  return 'type' in found ? found.type : undefined
}

function isDate(node: Node): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(constantText(node) ?? '')
}
