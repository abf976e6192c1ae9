import { text } from '../sql/row.js'
import { type Session, SqlError } from '../sql/session.js'
import {
  castTo,
  changeNodes,
  isNode,
  type Node,
  type Parser,
  parseSelect,
  printSelect,
  parserOf,
} from './syntax-tree.js'

/*
 * What the target makes of expressions and queries inside another query, wherever they stand there: below other tables,
 * beside common table expressions, with columns of the queries around them.
 */

/** A column of a query, as the target describes it. */
interface Described {
  readonly name: string
  readonly type: string
}

interface Refusal {
  readonly complaint: string
}

/** Gives a query that has the columns which the given one has in its place. */
export type Place = (query: Node) => Node

/** The statement of a query, and parts to make others of: they differ from release to release. */
export interface Frame {
  readonly tree: Node
  readonly query: Node
  readonly parts: Parts
}

interface Parts {
  /** `SELECT q.* FROM l, q` */
  readonly beside: Node
  /** `SELECT CAST(c AS VARCHAR) FROM q(c)` */
  readonly asText: Node
  /** `SELECT * FROM t` */
  readonly all: Node
}

const BESIDE = 'SELECT duckfleet_q.* FROM (SELECT 1) duckfleet_l, (SELECT 1) duckfleet_q'
const AS_TEXT = 'SELECT CAST(duckfleet_c AS VARCHAR) FROM (SELECT 1) duckfleet_q(duckfleet_c)'
const ALL = 'SELECT * FROM duckfleet_t'

/** Undefined for what the target does not read as one query. */
export async function parseFrame(target: Session, sql: string): Promise<Frame | undefined> {
  const tree = await parseSelect(target, sql)
  const query = isNode(tree) ? queryOf(tree) : undefined
  if (!isNode(tree) || !query) return undefined
  const parts = known.get(target) ?? parseParts(target)
  known.set(target, parts)
  return { tree, query, parts: await parts }
}

const known = new WeakMap<Session, Promise<Parts>>()

async function parseParts(target: Session): Promise<Parts> {
  const parse = async (sql: string): Promise<Node> => queryOf(await parseSelect(target, sql)) ?? {}
  return {
    beside: await parse(BESIDE),
    asText: await parse(AS_TEXT),
    all: await parse(ALL),
  }
}

/** The only query of a statement's tree. */
function queryOf(tree: unknown): Node | undefined {
  const statements = isNode(tree) ? nodesIn(tree['statements']) : []
  const node = statements[0]?.['node']
  return statements.length === 1 && isNode(node) ? node : undefined
}

/** The statement with another query. */
export function withQuery({ tree }: Frame, query: Node): Node {
  return { ...tree, statements: nodesIn(tree['statements']).map((one) => ({ ...one, node: query })) }
}

export function nodesIn(list: unknown): Node[] {
  return Array.isArray(list) ? (list as unknown[]).filter(isNode) : []
}

/** The place of what stands in a SELECT that has this place itself. */
export function placeIn({ parts }: Frame, select: Node, outer: Place): Place {
  const { beside } = parts
  return (query) => {
    const join = isNode(beside['from_table']) ? beside['from_table'] : {}
    const right = inTable(join['right'], query)
    const from = select['from_table']
    const isEmpty = !isNode(from) || from['type'] === 'EMPTY'
    const table = isEmpty ? right : { ...join, left: from, right }
    return outer({ ...beside, cte_map: select['cte_map'], from_table: table })
  }
}

/** The place of what sees these common table expressions, such as a side of a UNION, or one of those themselves. */
export function placeBehind({ parts }: Frame, map: unknown, outer: Place): Place {
  const { beside } = parts
  if (isNode(map) && nodesIn(map['map']).length === 0) return outer
  const join = isNode(beside['from_table']) ? beside['from_table'] : {}
  return (query) => outer({ ...beside, cte_map: map, from_table: inTable(join['right'], query) })
}

/** The query with its only column cast to VARCHAR. */
export function columnAsText({ parts }: Frame, query: Node): Node {
  return { ...parts.asText, from_table: inTable(parts.asText['from_table'], query) }
}

/** The table `(…) AS alias` of another query. */
function inTable(table: unknown, query: Node): Node {
  const reference = isNode(table) ? table : {}
  const subquery = isNode(reference['subquery']) ? reference['subquery'] : {}
  return { ...reference, subquery: { ...subquery, node: query } }
}

/** Stands for a type that depends on a parameter. */
export const ANY_TYPE = 'any type'

/** Types that a parameter is tried with. */
const PROBES = ['VARCHAR', 'INTEGER', 'DOUBLE', 'DATE', 'BOOLEAN', 'TIMESTAMP', 'BLOB', 'INTERVAL'] as const

/** Characters of SQL, for which an engine takes some seconds. */
const MOST_ASKED = 20_000_000

type Columns = readonly Described[] | Refusal

/** Asks the target about queries of one frame. `parameters`: names that stand for any value. */
export class Describer {
  /** Was more asked than is bearable? Then nothing is known any more. */
  isExhausted = false
  readonly parser: Parser
  private asked = 0

  constructor(
    private readonly target: Session,
    private readonly frame: Frame,
    private readonly parameters: ReadonlySet<string> = new Set(),
  ) {
    this.parser = parserOf(target)
  }

  /** What the target finds for expressions that stand in a SELECT, also inside of its aggregates. */
  async within(select: Node, outer: Place, expressions: readonly Node[]): Promise<Columns> {
    const list = nodesIn(select['select_list'])
    const beside = { ...plain(select), select_list: [...list, ...expressions] }
    const ungrouped = { group_expressions: [], group_sets: [], aggregate_handling: 'STANDARD_HANDLING' }
    const alone = { ...plain(select), ...ungrouped, select_list: expressions }
    // Of a star it is not known how many columns it is.
    const columns = expressions.some(holdsStar)
      ? { complaint: 'a star may be any columns' }
      : await this.columns(outer(beside))
    if (!('complaint' in columns)) return columns.slice(-expressions.length)
    return await this.columns(outer(alone))
  }

  /** The names that the target gives to the columns of a SELECT; undefined where stars hide which is which. */
  async names(select: Node, outer: Place): Promise<(string | undefined)[]> {
    const list = nodesIn(select['select_list'])
    const columns = await this.columns(outer(plain(select)))
    if ('complaint' in columns) return []
    const stars = list.flatMap((item, i) => (holdsStar(item) ? [i] : []))
    const [first = list.length, last = -1] = [stars[0], stars.at(-1)]
    return list.map((item, i) => {
      // It has another name with every argument.
      if (this.holdsParameter(item)) return undefined
      if (i < first) return columns[i]?.name
      return i > last ? columns[columns.length - list.length + i]?.name : undefined
    })
  }

  /** The columns of a query, or why the target refuses it. */
  async columns(query: Node): Promise<Columns> {
    if (!this.holdsParameter(query)) return await this.ask(query)
    const textList = await this.parser.type('VARCHAR[]')
    const types = [...PROBES, ...(textList ? [textList] : [])]
    const found: (readonly Described[])[] = []
    let refusal: Refusal = { complaint: '' }
    for (const type of types) {
      const columns = await this.ask(this.withArguments(query, type))
      if ('complaint' in columns) refusal = columns
      else found.push(columns)
    }
    const [first, ...others] = found
    if (!first) return refusal
    const isAlike = (i: number): boolean => others.every((columns) => columns[i]?.type === first[i]?.type)
    return first.map(({ name, type }, i) => ({ name, type: isAlike(i) ? type : ANY_TYPE }))
  }

  isParameter({ class: kind, column_names: names }: Node): boolean {
    if (kind !== 'COLUMN_REF' || !Array.isArray(names)) return false
    const [name, ...more] = names as unknown[]
    return more.length === 0 && typeof name === 'string' && this.parameters.has(name.toLowerCase())
  }

  private holdsParameter(node: unknown): boolean {
    if (this.parameters.size === 0) return false
    if (Array.isArray(node)) return (node as unknown[]).some((one) => this.holdsParameter(one))
    return (
      isNode(node) &&
      (this.isParameter(node) || Object.values(node).some((child) => this.holdsParameter(child)))
    )
  }

  private withArguments(query: Node, type: string | Node): Node {
    const value = { type: { id: 'NULL', type_info: null }, is_null: true }
    const child = { class: 'CONSTANT', type: 'VALUE_CONSTANT', alias: '', value }
    return changeNodes(query, (node) =>
      this.isParameter(node) ? { ...castTo(type, child), alias: node['alias'] } : node,
    )
  }

  private async ask(query: Node): Promise<Columns> {
    if (this.isExhausted) return { complaint: 'enough was asked' }
    try {
      const sql = await printSelect(this.target, withQuery(this.frame, query))
      this.asked += sql.length
      this.isExhausted = this.asked > MOST_ASKED
      const columns = await this.target.query(`DESCRIBE ${sql}`)
      return columns.map((column) => ({
        name: text(column, 'column_name'),
        type: text(column, 'column_type'),
      }))
    } catch (error) {
      if (error instanceof SqlError) return { complaint: error.message }
      throw error
    }
  }
}

/** A SELECT without what chooses and sorts rows. */
function plain(select: Node): Node {
  return { ...select, modifiers: [], where_clause: null, having: null, qualify: null, sample: null }
}

function holdsStar(node: unknown): boolean {
  if (Array.isArray(node)) return (node as unknown[]).some(holdsStar)
  return isNode(node) && (node['class'] === 'STAR' || Object.values(node).some(holdsStar))
}
