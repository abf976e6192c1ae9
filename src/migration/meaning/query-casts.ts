import type { Bind } from './bind.js'
import { castArguments, holdsText } from './explicit-casts.js'
import { constantType } from './constants.js'
import { KnownTypes } from './inferred-types.js'
import { inNumberTypes, numbersIn } from './number-types.js'
import { inOneType, mixesTimes, TIMES_AND_NUMBERS, valuesIn } from './one-type.js'
import {
  ANY_TYPE,
  columnAsText,
  Describer,
  type Frame,
  nodesIn,
  parseFrame,
  type Place,
  placeBehind,
  placeIn,
  withQuery,
} from './query-place.js'
import { castInOrder } from './struct-casts.js'
import { type Session, SqlError } from '../sql/session.js'
import { castTo, isNode, keyOf, type Node, printExactly, sameTree } from './syntax-tree.js'

/*
 * The same for queries as explicit-casts does for expressions of tables: a text beside other values stays a text. In a
 * query also values of VALUES, and what is compared with a subquery, have one type.
 */

export interface CastQuery {
  readonly sql: string
  /** May a text in it mean something else, so that no cast could be written? */
  readonly isSure: boolean
}

export interface CastOptions {
  /** Does the target refuse the query as it is? Then casts of arguments are looked for as well. */
  readonly isRefused?: boolean
  /** Names in lower case that stand for any value, as in a macro. */
  readonly parameters?: ReadonlySet<string>
  /** Names of macros in lower case. */
  readonly macros?: ReadonlySet<string>
  /** Are the names of the query's columns of no interest? */
  readonly isNameless?: boolean
}

/** The query with every cast to VARCHAR written that keeps its meaning. */
export async function castInQuery(
  target: Session,
  sql: string,
  options: CastOptions = {},
): Promise<CastQuery> {
  // 0.8.1 as a target still casts by itself.
  if (/^0\./.test(target.release)) return { sql, isSure: true }
  try {
    return await castParsed(target, sql, options)
  } catch (error) {
    // Nested too deeply for this way of looking at it.
    if (error instanceof SqlError || error instanceof RangeError) return { sql, isSure: false }
    throw error
  }
}

async function castParsed(target: Session, sql: string, options: CastOptions): Promise<CastQuery> {
  const frame = await parseFrame(target, sql)
  if (!frame) return { sql, isSure: !holdsText(sql) }
  const describer = new Describer(target, frame, options.parameters)
  const caster = new Caster(describer, frame, options)
  const query = await caster.query(frame.query, (inner) => inner)
  const isSure = caster.isSure && !describer.isExhausted
  if (sameTree(frame.query, query)) return { sql, isSure }
  const printed = await printExactly(target, withQuery(frame, query))
  return printed === undefined ? { sql, isSure: false } : { sql: printed, isSure }
}

/** Where an expression stands. */
interface Around {
  readonly known: KnownTypes
  /** Where a query stands that is part of it. */
  readonly place: Place
}

/** Fields of a query that are looked at before all others. */
const FROM: ReadonlySet<string> = new Set(['cte_map', 'from_table'])
const NONE: ReadonlySet<string> = new Set()

const QUERIES = /^(SELECT|SET_OPERATION|RECURSIVE_CTE|CTE)_NODE$/

class Caster {
  isSure = true
  /** Of what has been looked at. */
  private readonly types = new WeakMap<Node, string>()

  constructor(
    private readonly describer: Describer,
    private readonly frame: Frame,
    private readonly options: CastOptions,
  ) {}

  /** `isSide`: of a UNION, and so looked at with the other sides. */
  async query(node: Node, place: Place, isSide = false): Promise<Node> {
    const isNameless = this.options.isNameless === true && node === this.frame.query
    const [withTables, map] = await this.commonTables(node, place)
    switch (node['type']) {
      case 'SELECT_NODE':
        return await this.select(withTables, place, isNameless)
      case 'RECURSIVE_CTE_NODE':
        return await this.recursive(withTables, place)
      default: {
        const behind = placeBehind(this.frame, map, place)
        const done = await this.fields(withTables, { known: FROM_NOTHING, place: behind }, FROM)
        if (node['type'] === 'SET_OPERATION_NODE' && !isSide) await this.compareSides(done, behind)
        return done
      }
    }
  }

  /** Each common table expression sees those before it. */
  private async commonTables(node: Node, place: Place): Promise<[Node, unknown]> {
    const map = isNode(node['cte_map']) ? node['cte_map'] : {}
    const done: Node[] = []
    for (const entry of nodesIn(map['map'])) {
      const value = isNode(entry['value']) ? entry['value'] : {}
      const statement = isNode(value['query']) ? value['query'] : {}
      const before = placeBehind(this.frame, { ...map, map: [...done] }, place)
      const query = isNode(statement['node'])
        ? await this.query(statement['node'], before)
        : statement['node']
      done.push({ ...entry, value: { ...value, query: { ...statement, node: query } } })
    }
    const now = { ...map, map: done }
    return [{ ...node, cte_map: now }, now]
  }

  /** The second part sees the rows of the first one under the name of both. */
  private async recursive(node: Node, place: Place): Promise<Node> {
    const left = isNode(node['left']) ? await this.query(node['left'], place) : node['left']
    const itself = {
      key: node['cte_name'],
      value: {
        aliases: node['aliases'],
        query: { node: left, named_param_map: [] },
        materialized: 'CTE_MATERIALIZE_DEFAULT',
        key_targets: [],
      },
    }
    const behind = placeBehind(this.frame, { map: [itself] }, place)
    return { ...node, left, right: isNode(node['right']) ? await this.query(node['right'], behind) : null }
  }

  private async select(node: Node, outer: Place, isNameless: boolean): Promise<Node> {
    // A table in FROM may see those beside it.
    const table = node['from_table']
    const isJoin = isNode(table) && table['type'] === 'JOIN'
    const beside = this.around(node, outer)
    const place = isJoin ? beside.place : placeBehind(this.frame, node['cte_map'], outer)
    const from = await this.walk(table, { ...beside, place })
    const select = { ...node, from_table: from }
    await this.compareJoined(from, outer)
    const around = this.around(select, outer, await this.describeAll(select, outer))
    const done = await this.fields(select, around, new Set([...FROM, 'select_list']))
    const list = nodesIn(node['select_list'])
    const cast: Node[] = []
    for (const item of list) cast.push(await this.walkNode(item, around))
    return { ...done, select_list: isNameless ? cast : await this.withNames(list, cast, select, outer) }
  }

  /** A column that is computed otherwise keeps its name. */
  private async withNames(
    before: readonly Node[],
    after: readonly Node[],
    select: Node,
    outer: Place,
  ): Promise<Node[]> {
    const isRenamed = (i: number): boolean => before[i]?.['alias'] === '' && !sameTree(before[i], after[i])
    if (!before.some((_, i) => isRenamed(i))) return [...after]
    const names = await this.describer.names(select, outer)
    return after.map((item, i) =>
      isRenamed(i) && names[i] !== undefined ? { ...item, alias: names[i] } : item,
    )
  }

  /** `known`: types by what stands there. */
  private around(select: Node, outer: Place, known = new Map<string, string>()): Around {
    return {
      known: new KnownTypes((expression) => this.bindIn(select, outer, expression), known, this.types),
      place: placeIn(this.frame, select, outer),
    }
  }

  private async bindIn(select: Node, outer: Place, expression: Node): ReturnType<Bind> {
    const columns = await this.describer.within(select, outer, [expression])
    if ('complaint' in columns) return columns
    const types = new Set(columns.map(({ type }) => type))
    return types.size === 1 ? typed(columns[0]?.type) : { complaint: 'its columns have several types' }
  }

  /** The types of all values that will be asked for, at once. */
  private async describeAll(select: Node, outer: Place): Promise<Map<string, string>> {
    const fields = Object.entries(select).flatMap(([field, child]) => (FROM.has(field) ? [] : [child]))
    const values = simpleValuesIn(fields).filter((value) => constantType(value) === undefined)
    const all = new Map(values.map((value) => [keyOf(value), value]))
    if (all.size === 0) return new Map()
    const columns = await this.describer.within(select, outer, [...all.values()])
    if ('complaint' in columns) return new Map()
    const types = [...all.keys()].map((key, i): [string, string] => [key, columns[i]?.type ?? ANY_TYPE])
    // Of those that depend on a parameter the complaint is wanted.
    return new Map(types.filter(([, type]) => type !== ANY_TYPE))
  }

  private async fields(node: Node, around: Around, except: ReadonlySet<string> = NONE): Promise<Node> {
    const entries: [string, unknown][] = []
    for (const [field, child] of Object.entries(node))
      entries.push([field, except.has(field) ? child : await this.walk(child, around)])
    return Object.fromEntries(entries)
  }

  /** From the inside out. */
  private async walk(child: unknown, around: Around): Promise<unknown> {
    if (Array.isArray(child)) {
      const done: unknown[] = []
      for (const one of child as unknown[]) done.push(await this.walk(one, around))
      return done
    }
    return isNode(child) ? await this.walkNode(child, around) : child
  }

  private async walkNode(child: Node, around: Around): Promise<Node> {
    if (QUERIES.test(String(child['type'])))
      return await this.query(child, around.place, around.known === FROM_NOTHING)
    return await this.cast(await this.fields(child, around), around)
  }

  private async cast(node: Node, around: Around): Promise<Node> {
    const { known, place } = around
    const { bind } = known
    if (node['type'] === 'EXPRESSION_LIST') return await this.castRows(node, bind)
    if (node['class'] === 'SUBQUERY' && node['subquery_type'] === 'ANY')
      return await this.castCompared(node, bind, place)
    const { node: done, isSure } = await inOneType(node, bind, {
      parser: this.describer.parser,
      isColumn: (one) => isColumn(one) && !this.describer.isParameter(one),
    })
    this.isSure &&= isSure
    this.isSure &&= await this.isSureOfCall(done, bind)
    const ordered = await castInOrder(done, bind, this.describer.parser)
    this.isSure &&= ordered.isSure
    const typed = await inNumberTypes(ordered.node, bind)
    known.learn(typed)
    return this.options.isRefused ? await castArguments(typed, bind, this.describer.parser) : typed
  }

  /** A text that a macro is called with stands wherever its parameter does, such as in `coalesce(x, 0)`. */
  private async isSureOfCall(node: Node, bind: Bind): Promise<boolean> {
    const values = nodesIn(node['children'])
    const isCall = node['class'] === 'FUNCTION' && this.options.macros?.has(nameOf(node)) === true
    if (!isCall || !values.some(isText)) return true
    const asText = values.map((value) => (isText(value) ? castTo('VARCHAR', value) : value))
    const [now, before] = [await bind(node), await bind({ ...node, children: asText })]
    const typeOf = (found: typeof now): string => ('type' in found ? found.type : '')
    return typeOf(now) === typeOf(before)
  }

  /** `VALUES (1, 'a'), ('b', 2)`, column by column. */
  private async castRows(node: Node, bind: Bind): Promise<Node> {
    const rows = (Array.isArray(node['values']) ? (node['values'] as unknown[]) : []).map(nodesIn)
    const done = rows.map((row) => [...row])
    for (const column of (rows[0] ?? []).keys()) {
      const values = rows.flatMap((row) => row[column] ?? [])
      // What holds for the values of a list holds for these.
      const list = { class: 'FUNCTION', function_name: 'list_value', children: values }
      const { node: texts, isSure } = await inOneType(list, bind)
      this.isSure &&= isSure
      const cast = await inNumberTypes(texts, bind)
      for (const [i, value] of nodesIn(cast['children']).entries()) {
        const row = done[i]
        if (row) row[column] = value
      }
    }
    return { ...node, values: done }
  }

  /** `'07' IN (SELECT i …)`, `d > ANY (…)` */
  private async castCompared(node: Node, bind: Bind, place: Place): Promise<Node> {
    const child = isNode(node['child']) ? node['child'] : {}
    const statement = isNode(node['subquery']) ? node['subquery'] : {}
    const query = isNode(statement['node']) ? statement['node'] : {}
    const columns = await this.describer.columns(place(query))
    const found = constantType(child) === undefined ? await bind(child) : typed(constantType(child))
    const column = 'complaint' in columns || columns.length !== 1 ? undefined : columns[0]?.type
    if (column === undefined || column === ANY_TYPE || 'complaint' in found) {
      this.isSure &&= constantType(child) !== 'VARCHAR'
      return node
    }
    const types = [found.type, column]
    if (!types.includes('VARCHAR') || !types.some((type) => TIMES_AND_NUMBERS.test(type))) return node
    return {
      ...node,
      child: castTo('VARCHAR', child),
      subquery: { ...statement, node: columnAsText(this.frame, query) },
    }
  }

  /** `JOIN … USING (x)` and NATURAL joins compare columns that no expression names. */
  private async compareJoined(table: unknown, place: Place): Promise<void> {
    if (!isNode(table) || table['type'] !== 'JOIN') return
    const sides = [table['left'], table['right']]
    for (const side of sides) await this.compareJoined(side, place)
    const using = Array.isArray(table['using_columns']) ? (table['using_columns'] as unknown[]) : []
    if (using.length === 0 && table['ref_type'] !== 'NATURAL') return
    const [left, right] = await Promise.all(
      sides.map(async (side) => {
        const all = { ...this.frame.parts.all, from_table: side }
        return this.describer.columns(place(all))
      }),
    )
    if (!left || !right || 'complaint' in left || 'complaint' in right) return
    const names = using.map((name) => String(name).toLowerCase())
    for (const { name, type } of left) {
      const other = right.find((column) => column.name.toLowerCase() === name.toLowerCase())
      const isJoined = names.length === 0 || names.includes(name.toLowerCase())
      if (other && isJoined) this.isSure &&= !mixesTimes([type, other.type])
    }
  }

  /** A text beside types that did not give way to VARCHAR was made one of them, and makes them VARCHAR now. */
  private async compareSides(node: Node, place: Place): Promise<void> {
    const byColumn = new Map<string, Set<string>>()
    for (const side of this.sidesOf(node)) {
      const columns = await this.describer.columns(place(side))
      if ('complaint' in columns) continue
      for (const [i, { name, type }] of columns.entries()) {
        const key = node['setop_type'] === 'UNION_BY_NAME' ? name.toLowerCase() : String(i)
        byColumn.set(key, new Set(byColumn.get(key)).add(type))
      }
    }
    const isOther = (type: string): boolean =>
      !/^(VARCHAR|"?NULL"?)$/.test(type) && type !== ANY_TYPE && !TIMES_AND_NUMBERS.test(type)
    for (const types of byColumn.values()) this.isSure &&= !(types.has('VARCHAR') && [...types].some(isOther))
  }

  /** Of `a UNION b UNION c`, all three. */
  private sidesOf(node: Node): Node[] {
    const sides = [node['left'], node['right'], ...nodesIn(node['children'])].filter(isNode)
    return sides.flatMap((side) => (side['type'] === node['type'] ? this.sidesOf(side) : [side]))
  }
}

/** A type that depends on a parameter is not known. */
function typed(type: string | undefined): { readonly type: string } | { readonly complaint: string } {
  return type === undefined || type === ANY_TYPE ? { complaint: 'its type depends on a parameter' } : { type }
}

function nameOf({ function_name: name }: Node): string {
  return typeof name === 'string' ? name.toLowerCase() : ''
}

function isText(value: Node): boolean {
  return constantType(value) === 'VARCHAR'
}

/** Of a subquery nobody knows what it gives either. */
function isColumn(node: Node): boolean {
  return node['class'] === 'COLUMN_REF' || node['class'] === 'SUBQUERY'
}

/** What ORDER BY and LIMIT of a UNION hold is of no type that is known. */
const FROM_NOTHING = new KnownTypes(() => Promise.resolve({ complaint: '' }))

/** Values for which one type is needed, but for those in queries inside, and those that hold others. */
function simpleValuesIn(child: unknown): Node[] {
  if (Array.isArray(child)) return (child as unknown[]).flatMap(simpleValuesIn)
  if (!isNode(child) || QUERIES.test(String(child['type']))) return []
  const inside = Object.values(child).flatMap(simpleValuesIn)
  const own = [...valuesIn(child), ...numbersIn(child)].filter((value) => !holdsValues(value))
  return [...own, ...inside]
}

function holdsValues(child: unknown): boolean {
  if (Array.isArray(child)) return (child as unknown[]).some(holdsValues)
  if (!isNode(child)) return false
  return valuesIn(child).length + numbersIn(child).length > 0 || Object.values(child).some(holdsValues)
}
