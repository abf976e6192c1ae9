import { display, type Index, type Table } from '../catalog/catalog.js'
import type { Bind } from './bind.js'
import { KnownTypes } from './inferred-types.js'
import { inNumberTypes } from './number-types.js'
import { comparedAsNumbers, inOneType, type InPlace, type Sure } from './one-type.js'
import { castInOrder } from './struct-casts.js'
import { text } from '../sql/row.js'
import { type Session, SqlError } from '../sql/session.js'
import { ident, splitList, tokenize } from '../sql/sql.js'
import {
  castDoubles,
  castTo,
  expressionsOf,
  isNode,
  type Node,
  type Parser,
  parseSelect,
  printExactly,
  printSelect,
  sameTree,
  statementsOf,
  parserOf,
} from './syntax-tree.js'
import { tableExpressions } from './table-expressions.js'
import { renderType } from '../sql/types.js'

/*
 * Up to 0.8 an argument of any type is cast to VARCHAR where a function takes nothing else: `length(i)`, `i LIKE '1%'` of an
 * integer. So is whatever stands beside a text, also a constant one, where one type is needed for all: the values of a
 * CASE, COALESCE, IN, or list, and dates and times that are compared with a text. Later releases make a number or a time of
 * the text instead, or refuse: so the casts are written.
 */

const NO_MATCH = /No function matches the given name and argument types '(.+?)\((.*)\)'\. You might/

const OTHER_COMPLAINTS =
  /an explicit cast is required|Cannot deduce template type|STRUCT to STRUCT cast|Cannot cast STRUCTs/

/** May a missing cast be what the target complains of? */
export function lacksCast(complaint: string): boolean {
  return NO_MATCH.test(complaint) || OTHER_COMPLAINTS.test(complaint)
}

/** Does a table hold an expression that may mean something else without a cast, although no target complains? */
export function mayMixValues(table: Table): boolean {
  return tableExpressions(table).some(mayMix)
}

const MIXING =
  /[=<>[%*+&|-]|\/\/|\b(CASE|IN|IF|COALESCE|IFNULL|NULLIF|BETWEEN|VALUES|GREATEST|LEAST|MOD|ADD|SUBTRACT|MULTIPLY|DIVIDE|ROUND|XOR|USING|NATURAL|ANY|ALL|SOME|DISTINCT|UNION|INTERSECT|EXCEPT|(LIST|ARRAY)_\w+|STRUCT|ROW)\b/i

/** May a text hold something that needs one type for several values? */
export function mayMix(sql: string): boolean {
  return MIXING.test(sql)
}

/** A text in an expression may be such a constant. */
export function holdsText(sql: string): boolean {
  return tokenize(sql).some(({ kind }) => kind === 'string')
}

/** What has its casts, and what of it may mean something else although no cast could be written, in words. */
interface Cast<T> {
  readonly cast: T
  readonly unsure: readonly string[]
}

/** The table with every cast to VARCHAR written that its expressions need; those that need something else as they are. */
export async function castInTable(target: Session, table: Table): Promise<Cast<Table>> {
  const unsure: string[] = []
  const row = rowOf(table)
  const cast = async (sql: string, what: string, from = row, isQueried = false): Promise<string> => {
    const done = await castIn(target, sql, from, isQueried)
    if (!done.isSure) unsure.push(what)
    return done.sql
  }
  const columns = await Promise.all(
    table.columns.map(async (column) => {
      const { default: value, generated } = column
      const what = `${display(table)}.${column.name}`
      return {
        ...column,
        default: value === undefined ? undefined : await cast(value, `default of ${what}`, ''),
        generated: generated === undefined ? undefined : await cast(generated, `column ${what}`, row, true),
      }
    }),
  )
  const constraints = await Promise.all(
    table.constraints.map(async (one) => {
      if (one.kind !== 'check') return one
      const what = `CHECK (${one.expression}) of table ${display(table)}`
      return { ...one, expression: await cast(one.expression, what) }
    }),
  )
  return { cast: { ...table, columns, constraints }, unsure }
}

/** The same for an index on a table. */
export async function castInIndex(target: Session, index: Index, table: Table): Promise<Cast<Index>> {
  const end = index.definition.lastIndexOf(')')
  const parts = splitList(index.definition.slice(1, end))
  const done = await Promise.all(parts.map((part) => castIn(target, part, rowOf(table))))
  const definition = done.map(({ sql }, i) => (sql === parts[i] ? sql : `(${sql})`)).join(', ')
  return {
    cast: { ...index, definition: `(${definition}${index.definition.slice(end)}` },
    unsure: done.every(({ isSure }) => isSure) ? [] : [`index ${display(index)}`],
  }
}

/** `FROM` a row that has the columns of the table. */
function rowOf({ columns }: Table): string {
  const nulls = columns.map(({ name, type }) => `CAST(NULL AS ${renderType(type)}) AS ${ident(name)}`)
  return ` FROM (SELECT ${nulls.join(', ')}) duckfleet_row`
}

const HEAD = 'SELECT '

/** `isQueried`: is it computed in queries, as generated columns are? `isSure`: may nothing in it mean something else? */
async function castIn(
  target: Session,
  sql: string,
  from: string,
  isQueried = false,
): Promise<{ readonly sql: string; readonly isSure: boolean }> {
  const asItIs = { sql, isSure: true }
  // 0.8.1 as a target still casts by itself.
  if (/^0\./.test(target.release)) return asItIs
  const whole = await describe(target, `${HEAD}${sql}${from}`)
  if ('type' in whole && !mayMix(sql)) return asItIs
  const tree = await parseSelect(target, `${HEAD}${sql}`)
  if (!isNode(tree)) return asItIs
  const known = new KnownTypes(async (expression) =>
    describe(target, `${await printSelect(target, selecting(tree, castDoubles(expression)))}${from}`),
  )
  const [expression] = expressionsOf(tree)
  if (!expression) return asItIs
  const place = { parser: parserOf(target), ...(isQueried && { isColumn }) }
  const { node, isSure } = await castWithin(expression, known, place)
  const cast = selecting(tree, node)
  if (sameTree(tree, cast)) return { sql, isSure }
  const printed = await printExactly(target, cast)
  return printed?.startsWith(HEAD) ? { sql: printed.slice(HEAD.length), isSure } : { sql, isSure: false }
}

const isColumn = (node: Node): boolean => node['class'] === 'COLUMN_REF'

/** From the inside out, so that whatever an expression is made of is sound when its turn comes. */
async function castWithin(node: Node, known: KnownTypes, place: InPlace): Promise<Sure> {
  const entries: [string, unknown][] = []
  const sure: boolean[] = []
  const castOne = async (child: unknown): Promise<unknown> => {
    if (Array.isArray(child)) {
      const cast: unknown[] = []
      for (const one of child as unknown[]) cast.push(await castOne(one))
      return cast
    }
    if (!isNode(child)) return child
    const inner = await castWithin(child, known, place)
    sure.push(inner.isSure)
    return inner.node
  }
  for (const [field, child] of Object.entries(node)) entries.push([field, await castOne(child)])
  const sound = await inOneType(Object.fromEntries(entries), known.bind, place)
  const ordered = await castInOrder(sound.node, known.bind, place.parser)
  const typed = await inNumberTypes(ordered.node, known.bind)
  known.learn(typed)
  const done = await castArguments(typed, known.bind, place.parser)
  return { node: done, isSure: sound.isSure && ordered.isSure && sure.every(Boolean) }
}

/** The expression with the casts without which the target refuses it: it knows no such function, or no such comparison. */
export async function castArguments(node: Node, bind: Bind, parser: Parser): Promise<Node> {
  if (node['class'] !== 'FUNCTION' && node['type'] !== 'ARRAY_EXTRACT')
    return await comparedAsNumbers(node, bind, parser)
  const found = await bind(node)
  if ('type' in found) return node
  const joined = await joinedAsTexts(node, found.complaint, bind, parser)
  for (const outer of joined ? [joined] : withCasts(node, found.complaint))
    if ('type' in (await bind(outer))) return outer
  return node
}

/** `l || 'a'` joined the text of a list, and `l || ['a']`, `list_append(l, 'a')` made texts of what it holds. */
async function joinedAsTexts(
  node: Node,
  complaint: string,
  bind: Bind,
  parser: Parser,
): Promise<Node | undefined> {
  const [, kind] = /Cannot concatenate (types|lists of types)\b/.exec(complaint) ?? []
  const textList = kind && (await parser.type('VARCHAR[]'))
  if (!textList) return undefined
  const children: unknown[] = []
  for (const child of [node['children']].flat().filter(isNode)) {
    const found = await bind(child)
    const isList = 'type' in found && found.type.endsWith(']')
    children.push(castTo(isList && kind !== 'types' ? textList : 'VARCHAR', child))
  }
  return { ...node, children }
}

/** A call with casts that may help, the likeliest first. */
function withCasts(node: Node, complaint: string): Node[] {
  const [, name, types = ''] = NO_MATCH.exec(complaint) ?? []
  const children = node['children']
  if (name === undefined || !Array.isArray(children)) return []
  // The engine calls another function, as it does for split_part: there a text comes first.
  if (name !== node['function_name'])
    return [
      { ...node, children: children.map((one: unknown, i) => (i === 0 ? castTo('VARCHAR', one) : one)) },
    ]
  const given = splitList(types)
  return signaturesIn(complaint, name)
    .filter((wanted) => wanted.length === children.length)
    .map((wanted) => {
      const needsCast = (i: number): boolean => wanted[i] === 'VARCHAR' && !TEXT.test(given[i] ?? '')
      return {
        ...node,
        children: children.map((one: unknown, i) => (needsCast(i) ? castTo('VARCHAR', one) : one)),
      }
    })
}

const TEXT = /^(VARCHAR|STRING_LITERAL)$/

/** Types of the arguments that the candidates take which an engine lists. */
function signaturesIn(complaint: string, name: string): string[][] {
  const [, list = ''] = /Candidate functions:([\s\S]*)$/.exec(complaint) ?? []
  return list.split(' -> ').flatMap((part) => {
    const at = part.lastIndexOf(`${name}(`)
    return at < 0 ? [] : [splitList(part.slice(at + name.length + 1, part.lastIndexOf(')')))]
  })
}

/** The tree of a SELECT with another expression. */
function selecting(tree: Node, expression: Node): Node {
  const [statement] = statementsOf(tree)
  const node = isNode(statement?.['node']) ? statement['node'] : {}
  return { ...tree, statements: [{ ...statement, node: { ...node, select_list: [expression] } }] }
}

async function describe(target: Session, select: string): ReturnType<Bind> {
  try {
    const [column] = await target.query(`DESCRIBE ${select}`)
    return { type: column ? text(column, 'column_type') : '' }
  } catch (error) {
    if (error instanceof SqlError) return { complaint: error.message }
    throw error
  }
}
