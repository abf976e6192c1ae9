import type { Index, Table } from './catalog.js'
import { text } from './rows.js'
import { type Session, SqlError } from './session.js'
import { ident, isWord, splitList, tokenize } from './sql.js'
import { isNode, type Node, parseSelect, printSelect, sameTree } from './syntax-tree.js'
import { renderType } from './types.js'

/*
 * Up to 0.8 an argument of any type is cast to VARCHAR where a function takes nothing else: `length(i)`, `i LIKE '1%'` of an
 * integer. So are the values of a CASE or COALESCE where one of them is a text, also a constant one, of which later
 * releases make a number: `coalesce(i, '07')`. Later releases want such a cast to be written.
 */

const NO_MATCH = /No function matches the given name and argument types '(.+?)\((.*)\)'\. You might/
const MIXED_VALUES = /Cannot mix values of type .*VARCHAR.* in /

/** May a missing cast to VARCHAR be what the target complains of? */
export function lacksCast(complaint: string): boolean {
  return NO_MATCH.test(complaint) || MIXED_VALUES.test(complaint)
}

/** Does a table hold an expression that may mean something else without a cast, although no target complains? */
export function mayMixValues({ columns, constraints }: Table): boolean {
  return [
    ...columns.flatMap((column) => [column.default, column.generated]),
    ...constraints.map((one) => (one.kind === 'check' ? one.expression : undefined)),
  ].some((sql) => sql !== undefined && mixes(sql))
}

function mixes(sql: string): boolean {
  const tokens = tokenize(sql)
  return (
    tokens.some((token) => isWord(token, 'CASE') || isWord(token, 'COALESCE')) &&
    tokens.some(({ kind }) => kind === 'string')
  )
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
  const whole = await describe(target, `${HEAD}${sql}${from}`)
  if ('type' in whole && !mixes(sql)) return sql
  const tree = await parseSelect(target, `${HEAD}${sql}`)
  if (!isNode(tree)) return sql
  const bind: Bind = async (expression) =>
    describe(target, `${await printSelect(target, selecting(tree, expression))}${from}`)
  const [expression] = expressionsOf(tree)
  if (!expression) return sql
  const wanted = selecting(tree, await castWithin(expression, bind))
  if (sameTree(tree, wanted)) return sql
  const printed = await printSelect(target, wanted)
  const same = sameTree(await parseSelect(target, printed), wanted)
  return same && printed.startsWith(HEAD) ? printed.slice(HEAD.length) : sql
}

/** The type that the target finds for an expression, or its complaint. */
type Bind = (expression: Node) => Promise<{ readonly type: string } | { readonly complaint: string }>

/** From the inside out, so that whatever an expression is made of is sound when its turn comes. */
async function castWithin(node: Node, bind: Bind): Promise<Node> {
  const entries: [string, unknown][] = []
  for (const [field, child] of Object.entries(node)) entries.push([field, await castChild(child, bind)])
  const inner: Node = Object.fromEntries(entries)
  if (inner['class'] === 'CASE' || inner['type'] === 'OPERATOR_COALESCE') return await castValues(inner, bind)
  if (inner['class'] !== 'FUNCTION') return inner
  const found = await bind(inner)
  for (const outer of 'type' in found ? [] : withCasts(inner, found.complaint))
    if ('type' in (await bind(outer))) return outer
  return inner
}

/** Types that give way to VARCHAR: of these and a text, releases up to 0.8 make a text. */
const GIVES_WAY =
  /^(BOOLEAN|TINYINT|SMALLINT|INTEGER|BIGINT|DATE|TIME|TIMESTAMP(_S|_MS|_NS)?|DECIMAL\(.*|FLOAT|DOUBLE)$/

async function castValues(node: Node, bind: Bind): Promise<Node> {
  const types: string[] = []
  for (const value of valuesOf(node)) {
    const found = isNull(value) ? undefined : await bind(value)
    types.push(found && 'type' in found ? found.type : '')
  }
  const mixed = types.includes('VARCHAR') && types.some((type) => GIVES_WAY.test(type))
  if (!mixed) return node
  const checks = node['case_checks']
  if (!Array.isArray(checks)) return { ...node, children: valuesOf(node).map(toText) }
  const cast = checks.map((check: unknown) =>
    isNode(check) ? { ...check, then_expr: toText(check['then_expr']) } : check,
  )
  return { ...node, case_checks: cast, else_expr: toText(node['else_expr']) }
}

/** The values that a CASE or COALESCE may give. */
function valuesOf(node: Node): Node[] {
  const { case_checks: checks, else_expr: otherwise, children } = node
  const values = Array.isArray(checks)
    ? [...checks.map((check: unknown) => (isNode(check) ? check['then_expr'] : undefined)), otherwise]
    : children
  return Array.isArray(values) ? (values as unknown[]).filter(isNode) : []
}

function isNull(node: Node): boolean {
  return isNode(node['value']) && node['value']['is_null'] === true
}

async function castChild(child: unknown, bind: Bind): Promise<unknown> {
  if (Array.isArray(child)) {
    const cast: unknown[] = []
    for (const one of child as unknown[]) cast.push(await castChild(one, bind))
    return cast
  }
  return isNode(child) ? await castWithin(child, bind) : child
}

/** The node with casts that may help, the likeliest first. */
function withCasts(node: Node, complaint: string): Node[] {
  const [, name, types = ''] = NO_MATCH.exec(complaint) ?? []
  const children = node['children']
  if (node['class'] === 'FUNCTION' && name === node['function_name'] && Array.isArray(children)) {
    const given = splitList(types)
    return signaturesIn(complaint, name ?? '')
      .filter((wanted) => wanted.length === children.length)
      .map((wanted) => {
        const needsCast = (i: number): boolean => wanted[i] === 'VARCHAR' && !TEXT.test(given[i] ?? '')
        return { ...node, children: children.map((one: unknown, i) => (needsCast(i) ? toText(one) : one)) }
      })
  }
  return []
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

function toText(child: unknown): Node {
  const type = { id: 'VARCHAR', type_info: null }
  return { class: 'CAST', type: 'OPERATOR_CAST', alias: '', child, cast_type: type, try_cast: false }
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
