import { text } from '../sql/row.js'
import type { Session } from '../sql/session.js'
import { literal } from '../sql/sql.js'

/** A node of the tree that the engine's parser makes of a SELECT; fields as the engine names them. */
export type Node = Readonly<Record<string, unknown>>

/** Numbers are kept as they are written: JavaScript would round them, and make an integer of 1000.0. */
const NUMBER = 'duckfleet number'
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?(?:\d[\d.eE+-]*|Infinity|NaN)/g
const KEPT_NUMBER = new RegExp(`\\{"${NUMBER}":"([^"]*)"\\}`, 'g')

/** The tree of a SELECT of a target from 1.0 on; undefined when it cannot be parsed, or not as a tree. */
export async function parseSelect(target: Session, sql: string): Promise<unknown> {
  const [row] = await target.query(`SELECT CAST(json_serialize_sql(${literal(sql)}) AS VARCHAR) AS tree`)
  const tree = parseTree(row ? text(row, 'tree') : '{"error":true}')
  return isNode(tree) && tree['error'] === false ? tree : undefined
}

/** The SELECT of a tree. The engine's text may say something else than its tree: 1e3 becomes 1000.0, a decimal. */
export async function printSelect(target: Session, tree: unknown): Promise<string> {
  const [row] = await target.query(`SELECT json_deserialize_sql(${literal(printTree(tree))}) AS query`)
  return row ? text(row, 'query') : ''
}

export function parseTree(json: string): unknown {
  return JSON.parse(
    json.replace(STRING_OR_NUMBER, (token) => (token.startsWith('"') ? token : `{"${NUMBER}":"${token}"}`)),
  )
}

export function printTree(tree: unknown): string {
  // Quotes inside a string are escaped there, so no string holds what looks like a number that was kept.
  return JSON.stringify(tree).replace(KEPT_NUMBER, '$1')
}

/** Do two trees say the same, wherever it stands in their text? */
export function sameTree(a: unknown, b: unknown): boolean {
  return keyOf(a) === keyOf(b)
}

/** The same for trees that say the same. */
export function keyOf(tree: unknown): string {
  if (tree === undefined) return ''
  return JSON.stringify(tree, (field, value: unknown) => (field === 'query_location' ? undefined : value))
}

/** A number in a tree, as it is written. */
export function numberNode(text: string): Node {
  return { [NUMBER]: text }
}

/** Gives trees as the target's parser does: they differ from release to release. Undefined for what it does not take. */
export interface Parser {
  readonly expression: (sql: string) => Promise<Node | undefined>
  /** Of one such as `DECIMAL(9,2)`. */
  readonly type: (sql: string) => Promise<Node | undefined>
}

export function parserOf(target: Session): Parser {
  const known = parsed.get(target) ?? new Map<string, Promise<Node | undefined>>()
  parsed.set(target, known)
  const expression = (sql: string): Promise<Node | undefined> => {
    const tree = known.get(sql) ?? parseExpression(target, sql)
    known.set(sql, tree)
    return tree
  }
  const type = async (sql: string): Promise<Node | undefined> => {
    const cast = await expression(`CAST(NULL AS ${sql})`)
    return isNode(cast?.['cast_type']) ? cast['cast_type'] : undefined
  }
  return { expression, type }
}

const parsed = new WeakMap<Session, Map<string, Promise<Node | undefined>>>()

async function parseExpression(target: Session, sql: string): Promise<Node | undefined> {
  const tree = await parseSelect(target, `SELECT ${sql}`)
  return isNode(tree) ? expressionsOf(tree)[0] : undefined
}

/** What a statement's tree selects, where it is one SELECT. */
export function expressionsOf(tree: Node): Node[] {
  const [statement] = statementsOf(tree)
  const list = isNode(statement?.['node']) ? statement['node']['select_list'] : undefined
  return Array.isArray(list) ? (list as unknown[]).filter(isNode) : []
}

export function statementsOf(tree: Node): Node[] {
  return Array.isArray(tree['statements']) ? (tree['statements'] as unknown[]).filter(isNode) : []
}

/** `type`: a name such as VARCHAR, or one with parts as the target parses it. */
export function castTo(type: string | Node, child: unknown): Node {
  const castType = typeof type === 'string' ? { id: type, type_info: null } : type
  return { class: 'CAST', type: 'OPERATOR_CAST', alias: '', child, cast_type: castType, try_cast: false }
}

/** Does it give something else each time that it is asked, so that it must not be asked twice? */
export function isVolatileTree(tree: Node): boolean {
  return /"function_name":"(random|nextval|uuid|gen_random_uuid)"/.test(JSON.stringify(tree))
}

/** The tree with every DOUBLE as a cast text: the engine prints 1e5 as 100000.0, a decimal. */
export function castDoubles(tree: Node): Node {
  return changeNodes(tree, (node) => {
    const { value, alias } = node
    const { type, value: number } = isNode(value) ? value : {}
    if (node['class'] !== 'CONSTANT' || !isNode(type) || type['id'] !== 'DOUBLE' || !isNode(number))
      return node
    const text = { type: { id: 'VARCHAR', type_info: null }, is_null: false, value: number[NUMBER] }
    const child = { class: 'CONSTANT', type: 'VALUE_CONSTANT', alias: '', value: text }
    return { ...castTo(type, child), alias }
  })
}

/** SQL that the engine parses to this very tree again, its DOUBLEs as casts where it would not; undefined when there is none. */
export async function printExactly(session: Session, tree: Node): Promise<string | undefined> {
  for (const wanted of [tree, castDoubles(tree)]) {
    const printed = await printSelect(session, wanted)
    if (sameTree(withoutShells(await parseSelect(session, printed)), withoutShells(wanted))) return printed
  }
  return undefined
}

/** The tree without the `SELECT *` that the engine puts around VALUES each time that it prints them. */
function withoutShells(tree: unknown): unknown {
  if (!isNode(tree)) return tree
  return changeNodes(tree, (node) => {
    const query = isNode(node['subquery']) ? node['subquery']['node'] : undefined
    const inner = isNode(query) ? query['from_table'] : undefined
    const isShell = node['type'] === 'SUBQUERY' && isValues(node) && isNode(inner) && isValues(inner)
    return isShell ? inner : node
  })
}

function isValues({ alias, column_name_alias: columns }: Node): boolean {
  return alias === 'valueslist' && !(Array.isArray(columns) && columns.length > 0)
}

/** The tree with every node changed, from the inside out. */
export function changeNodes(node: Node, change: (node: Node) => Node): Node {
  const changed = (child: unknown): unknown => {
    if (Array.isArray(child)) return (child as unknown[]).map(changed)
    return isNode(child) ? changeNodes(child, change) : child
  }
  return change(Object.fromEntries(Object.entries(node).map(([field, child]) => [field, changed(child)])))
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Where the text of a node begins, in bytes of UTF-8; undefined when that is not known. */
export function placeOf(node: Node): number | undefined {
  const place = isNode(node['query_location']) ? Number(node['query_location'][NUMBER]) : Number.NaN
  return Number.isSafeInteger(place) ? place : undefined
}
