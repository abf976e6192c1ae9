import type { Index, Table } from './catalog.js'
import { type Session, SqlError } from './session.js'
import { ident, splitList } from './sql.js'
import { isNode, type Node, parseSelect, printSelect, sameTree } from './syntax-tree.js'
import { renderType } from './types.js'

/*
 * Up to 0.8 an argument of any type is cast to VARCHAR where a function takes nothing else, and so are the values of a CASE
 * where one of them is a text: `length(i)`, `i LIKE '1%'` of an integer. Later releases want such a cast to be written.
 */

const NO_MATCH = /No function matches the given name and argument types '(.+?)\((.*)\)'\. You might/
const MIXED_VALUES = /Cannot mix values of type .*VARCHAR.* in CASE expression/

/** May a missing cast to VARCHAR be what the target complains of? */
export function lacksCast(complaint: string): boolean {
  return NO_MATCH.test(complaint) || MIXED_VALUES.test(complaint)
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
  if ((await complaintOf(target, `${HEAD}${sql}${from}`)) === undefined) return sql
  const tree = await parseSelect(target, `${HEAD}${sql}`)
  if (!isNode(tree)) return sql
  const complain = async (expression: Node): Promise<string | undefined> =>
    complaintOf(target, `${await printSelect(target, selecting(tree, expression))}${from}`)
  const [expression] = expressionsOf(tree)
  if (!expression) return sql
  const wanted = selecting(tree, await castWithin(expression, complain))
  const printed = await printSelect(target, wanted)
  const same = sameTree(await parseSelect(target, printed), wanted)
  return same && printed.startsWith(HEAD) ? printed.slice(HEAD.length) : sql
}

type Complain = (expression: Node) => Promise<string | undefined>

/** From the inside out, so that whatever an expression is made of is sound when its turn comes. */
async function castWithin(node: Node, complain: Complain): Promise<Node> {
  const entries: [string, unknown][] = []
  for (const [field, child] of Object.entries(node)) entries.push([field, await castChild(child, complain)])
  const inner: Node = Object.fromEntries(entries)
  if (inner['class'] !== 'FUNCTION' && inner['class'] !== 'CASE') return inner
  const complaint = await complain(inner)
  for (const outer of complaint === undefined ? [] : withCasts(inner, complaint))
    if ((await complain(outer)) === undefined) return outer
  return inner
}

async function castChild(child: unknown, complain: Complain): Promise<unknown> {
  if (Array.isArray(child)) {
    const cast: unknown[] = []
    for (const one of child as unknown[]) cast.push(await castChild(one, complain))
    return cast
  }
  return isNode(child) ? await castWithin(child, complain) : child
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
  const checks = node['case_checks']
  if (node['class'] === 'CASE' && MIXED_VALUES.test(complaint) && Array.isArray(checks)) {
    const cast = checks.map((check: unknown) =>
      isNode(check) ? { ...check, then_expr: toText(check['then_expr']) } : check,
    )
    return [{ ...node, case_checks: cast, else_expr: toText(node['else_expr']) }]
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

async function complaintOf(target: Session, select: string): Promise<string | undefined> {
  try {
    await target.query(`DESCRIBE ${select}`)
    return undefined
  } catch (error) {
    if (error instanceof SqlError) return error.message
    throw error
  }
}
