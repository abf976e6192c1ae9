import type { Index, Table } from './catalog.js'
import type { Bind } from './bind.js'
import { KnownTypes } from './inferred-types.js'
import { inNumberTypes } from './number-types.js'
import { inOneType } from './one-type.js'
import { textListType } from './query-place.js'
import { text } from './rows.js'
import { type Session, SqlError } from './session.js'
import { ident, splitList, tokenize } from './sql.js'
import { castTo, isNode, type Node, parseSelect, printSelect, sameTree } from './syntax-tree.js'
import { tableExpressions } from './table-expressions.js'
import { renderType } from './types.js'

/*
 * Up to 0.8 an argument of any type is cast to VARCHAR where a function takes nothing else: `length(i)`, `i LIKE '1%'` of an
 * integer. So is whatever stands beside a text, also a constant one, where one type is needed for all: the values of a
 * CASE, COALESCE, IN, or list, and dates and times that are compared with a text. Later releases make a number or a time of
 * the text instead, or refuse: so the casts are written.
 */

const NO_MATCH = /No function matches the given name and argument types '(.+?)\((.*)\)'\. You might/

/** May a missing cast to VARCHAR be what the target complains of? */
export function lacksCast(complaint: string): boolean {
  return NO_MATCH.test(complaint) || /Cannot (?:mix|compare) values of type .*VARCHAR/.test(complaint)
}

/** Does a table hold an expression that may mean something else without a cast, although no target complains? */
export function mayMixValues(table: Table): boolean {
  return tableExpressions(table).some(mayMix)
}

const MIXING =
  /[=<>[%*+&|-]|\/\/|\b(CASE|IN|IF|COALESCE|IFNULL|NULLIF|BETWEEN|VALUES|GREATEST|LEAST|MOD|XOR|USING|NATURAL|ANY|ALL|SOME|DISTINCT|UNION|INTERSECT|EXCEPT|(LIST|ARRAY)_\w+)\b/i

/** May a text hold something that needs one type for several values? */
export function mayMix(sql: string): boolean {
  return MIXING.test(sql)
}

/** A text in an expression may be such a constant. */
export function holdsText(sql: string): boolean {
  return tokenize(sql).some(({ kind }) => kind === 'string')
}

/** The table with every cast to VARCHAR written that its expressions need; those that need something else as they are. */
export async function castInTable(target: Session, table: Table): Promise<Table> {
  const row = rowOf(table)
  const cast = (sql: string, from = row): Promise<string> => castIn(target, sql, from)
  return {
    ...table,
    columns: await Promise.all(
      table.columns.map(async (column) => ({
        ...column,
        default: column.default === undefined ? undefined : await cast(column.default, ''),
        generated: column.generated === undefined ? undefined : await cast(column.generated),
      })),
    ),
    constraints: await Promise.all(
      table.constraints.map(async (one) =>
        one.kind === 'check' ? { ...one, expression: await cast(one.expression) } : one,
      ),
    ),
  }
}

/** The same for an index on a table. */
export async function castInIndex(target: Session, index: Index, table: Table): Promise<Index> {
  const end = index.definition.lastIndexOf(')')
  const parts = splitList(index.definition.slice(1, end))
  const cast = await Promise.all(parts.map((part) => castIn(target, part, rowOf(table))))
  const definition = cast.map((part, i) => (part === parts[i] ? part : `(${part})`)).join(', ')
  return { ...index, definition: `(${definition}${index.definition.slice(end)}` }
}

/** `FROM` a row that has the columns of the table. */
function rowOf({ columns }: Table): string {
  const nulls = columns.map(({ name, type }) => `CAST(NULL AS ${renderType(type)}) AS ${ident(name)}`)
  return ` FROM (SELECT ${nulls.join(', ')}) duckfleet_row`
}

const HEAD = 'SELECT '

async function castIn(target: Session, sql: string, from: string): Promise<string> {
  // 0.8.1 as a target still casts by itself.
  if (/^0\./.test(target.release)) return sql
  const whole = await describe(target, `${HEAD}${sql}${from}`)
  if ('type' in whole && !mayMix(sql)) return sql
  const tree = await parseSelect(target, `${HEAD}${sql}`)
  if (!isNode(tree)) return sql
  const known = new KnownTypes(async (expression) =>
    describe(target, `${await printSelect(target, selecting(tree, expression))}${from}`),
  )
  const [expression] = expressionsOf(tree)
  if (!expression) return sql
  const textList = /\b(list|array)_/i.test(sql) ? await textListType(target) : undefined
  const wanted = selecting(tree, await castWithin(expression, known, textList))
  if (sameTree(tree, wanted)) return sql
  const printed = await printSelect(target, wanted)
  const same = sameTree(await parseSelect(target, printed), wanted)
  return same && printed.startsWith(HEAD) ? printed.slice(HEAD.length) : sql
}

/** From the inside out, so that whatever an expression is made of is sound when its turn comes. */
async function castWithin(node: Node, known: KnownTypes, textList: unknown): Promise<Node> {
  const entries: [string, unknown][] = []
  for (const [field, child] of Object.entries(node))
    entries.push([field, await castChild(child, known, textList)])
  const { node: sound } = await inOneType(Object.fromEntries(entries), known.bind, { textList })
  const typed = await inNumberTypes(sound, known.bind)
  known.learn(typed)
  return await castArguments(typed, known.bind)
}

/** The call with the casts to VARCHAR without which the target knows no such function. */
export async function castArguments(node: Node, bind: Bind): Promise<Node> {
  if (node['class'] !== 'FUNCTION') return node
  const found = await bind(node)
  for (const outer of 'type' in found ? [] : withCasts(node, found.complaint))
    if ('type' in (await bind(outer))) return outer
  return node
}

async function castChild(child: unknown, known: KnownTypes, textList: unknown): Promise<unknown> {
  if (Array.isArray(child)) {
    const cast: unknown[] = []
    for (const one of child as unknown[]) cast.push(await castChild(one, known, textList))
    return cast
  }
  return isNode(child) ? await castWithin(child, known, textList) : child
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

function expressionsOf(tree: Node): Node[] {
  const [statement] = statementsOf(tree)
  const list = isNode(statement?.['node']) ? statement['node']['select_list'] : undefined
  return Array.isArray(list) ? (list as unknown[]).filter(isNode) : []
}

function statementsOf(tree: Node): Node[] {
  return Array.isArray(tree['statements']) ? (tree['statements'] as unknown[]).filter(isNode) : []
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
