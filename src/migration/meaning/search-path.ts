import { DuckfleetError } from '../../errors.js'
import {
  type Catalog,
  display,
  type Macro,
  type ObjectName,
  type Table,
  type View,
} from '../catalog/catalog.js'
import type { Session } from '../sql/session.js'
import { closingBracket, isWord, tokenize } from '../sql/sql.js'
import { isNode, type Node, parseSelect, placeOf, printSelect, sameTree } from './syntax-tree.js'

/*
 * Up to 0.8 a name without schema, inside a view or a DEFAULT, is looked up in `main`; from 1.0 on in the schema of the
 * view or table first, also where it stands in a macro that is called there. So it would silently mean something else
 * where both schemas have an object of that name: `main.` is written before it.
 */

/** Names, in lower case, that another schema has as well as `main`. */
interface Clashes {
  readonly relations: ReadonlySet<string>
  readonly macros: ReadonlySet<string>
  readonly sequences: ReadonlySet<string>
  readonly types: ReadonlySet<string>
}

/** The catalog with `main.` before every name that would otherwise change its meaning. */
export async function qualifyMain(target: Session, catalog: Catalog): Promise<Catalog> {
  if (/^0\./.test(target.release)) return catalog
  const others = catalog.schemas.filter((schema) => schema !== 'main')
  const bySchema = new Map(others.map((schema) => [schema, clashesWith(catalog, [schema])]))
  // A macro is looked at in the schema of whatever calls it.
  const anywhere = clashesWith(catalog, others)
  if (isEmpty(anywhere)) return catalog
  const views: View[] = []
  for (const view of catalog.views)
    views.push(
      await qualifyView(new Qualifier(target, `view ${display(view)}`, bySchema.get(view.schema)), view),
    )
  const macros: Macro[] = []
  for (const macro of catalog.macros)
    macros.push(await qualifyMacro(new Qualifier(target, `macro ${display(macro)}`, anywhere), macro))
  const tables: Table[] = []
  for (const table of catalog.tables)
    tables.push(
      await qualifyDefaults(
        new Qualifier(target, `table ${display(table)}`, bySchema.get(table.schema)),
        table,
      ),
    )
  return { ...catalog, views, macros, tables }
}

function clashesWith(catalog: Catalog, schemas: readonly string[]): Clashes {
  const inBoth = (objects: readonly ObjectName[]): ReadonlySet<string> => {
    const inMain = new Set(
      objects.filter(({ schema }) => schema === 'main').map(({ name }) => name.toLowerCase()),
    )
    const there = objects
      .filter(({ schema }) => schemas.includes(schema))
      .map(({ name }) => name.toLowerCase())
    return new Set(there.filter((name) => inMain.has(name)))
  }
  return {
    relations: inBoth([...catalog.tables, ...catalog.views]),
    macros: inBoth(catalog.macros),
    sequences: inBoth(catalog.sequences),
    types: inBoth(catalog.types),
  }
}

function isEmpty({ relations, macros, sequences, types }: Clashes): boolean {
  return relations.size + macros.size + sequences.size + types.size === 0
}

async function qualifyView(qualifier: Qualifier, view: View): Promise<View> {
  // A broken view may be one that no release can read.
  const query = await qualifier.select(view.query, 'broken' in view.columns)
  return query === view.query ? view : { ...view, query }
}

async function qualifyMacro(qualifier: Qualifier, macro: Macro): Promise<Macro> {
  const { definition } = macro
  const end = closingBracket(definition, 0) ?? 0
  const [as, table] = tokenize(definition.slice(end))
  if (!as || !isWord(as, 'AS')) return macro
  const isTable = isWord(table, 'TABLE')
  const head = definition.slice(0, end + (isTable ? (table?.end ?? 0) : as.end))
  const body = definition.slice(head.length).trim()
  const now = isTable ? await qualifier.select(body) : await qualifier.expression(body)
  return now === body ? macro : { ...macro, definition: `${head} ${now}` }
}

async function qualifyDefaults(qualifier: Qualifier, table: Table): Promise<Table> {
  const columns: Table['columns'][number][] = []
  for (const column of table.columns)
    columns.push(
      column.default === undefined
        ? column
        : { ...column, default: await qualifier.expression(column.default) },
    )
  return { ...table, columns }
}

/** A change of a text: `main.` at an offset in bytes. */
type Places = number[]

class Qualifier {
  constructor(
    private readonly target: Session,
    private readonly what: string,
    private readonly clashes: Clashes | undefined,
  ) {}

  async expression(sql: string): Promise<string> {
    const head = 'SELECT '
    const now = await this.select(`${head}${sql}`)
    if (now.startsWith(head)) return now.slice(head.length)
    throw this.refused()
  }

  /**
   * The query as it is but for the names, or as the engine prints it; either only if the engine reads it as the same
   * but for the names.
   */
  async select(sql: string, lenient = false): Promise<string> {
    if (!this.clashes || !mentions(sql, this.clashes)) return sql
    const tree = await parseSelect(this.target, sql)
    if (tree === undefined && lenient) return sql
    if (tree === undefined) throw this.refused()
    const places: Places = []
    const wanted = qualify(tree, this.clashes, new Set(), places)
    if (sameTree(tree, wanted)) return sql
    const edited = insert(sql, places)
    if (sameTree(await parseSelect(this.target, edited), wanted)) return edited
    const printed = await printSelect(this.target, wanted)
    if (sameTree(await parseSelect(this.target, printed), wanted)) return printed
    throw this.refused()
  }

  private refused(): DuckfleetError {
    return new DuckfleetError(
      'unsupported',
      `${this.what} names something that is in schema main and in another one, and would mean the other one in the target: write main. before the name in the source`,
    )
  }
}

function mentions(sql: string, clashes: Clashes): boolean {
  return tokenize(sql).some(({ kind, text }) => {
    const name = text.toLowerCase()
    if (kind === 'word' && clashes.sequences.size > 0 && SEQUENCE_FUNCTION.test(name)) return true
    const named = clashes.relations.has(name) || clashes.macros.has(name) || clashes.types.has(name)
    return named && (kind === 'word' || kind === 'quoted')
  })
}

const SEQUENCE_FUNCTION = /^(next|curr)val$/i

/** The tree with `main` as the schema of every clashing name; `places` gets where those stand in the text. */
function qualify(node: unknown, clashes: Clashes, ctes: ReadonlySet<string>, places: Places): unknown {
  if (Array.isArray(node)) return node.map((child) => qualify(child, clashes, ctes, places))
  if (!isNode(node)) return node
  const known = new Set([...ctes, ...cteNames(node['cte_map'])])
  const own = qualifyNode(node, clashes, known, places)
  return Object.fromEntries(
    Object.entries(own).map(([field, child]) => [field, qualify(child, clashes, known, places)]),
  )
}

function qualifyNode(node: Node, clashes: Clashes, ctes: ReadonlySet<string>, places: Places): Node {
  const has = (names: ReadonlySet<string>, field: string): boolean => {
    const name = node[field]
    return (
      typeof name === 'string' && names.has(name.toLowerCase()) && !ctes.has(`${field} ${name.toLowerCase()}`)
    )
  }
  const place = placeOf(node)
  if (node['type'] === 'BASE_TABLE' && node['schema_name'] === '' && has(clashes.relations, 'table_name')) {
    places.push(place ?? 0)
    return { ...node, schema_name: 'main' }
  }
  if (node['class'] === 'FUNCTION' && node['schema'] === '' && node['is_operator'] === false) {
    if (has(clashes.macros, 'function_name')) {
      places.push(place ?? 0)
      return { ...node, schema: 'main' }
    }
    return qualifySequence(node, clashes.sequences, places)
  }
  // Where a type stands in the text is not told.
  const type = node['type'] === 'USER_TYPE_INFO' ? 'user_type_name' : 'name'
  if (/^(USER|UNBOUND)_TYPE_INFO$/.test(String(node['type'])) && !node['schema'] && has(clashes.types, type))
    return { ...node, schema: 'main' }
  return node
}

/** `nextval('q')` → `nextval('main.q')` */
function qualifySequence(node: Node, sequences: ReadonlySet<string>, places: Places): Node {
  const [name, ...more] = Array.isArray(node['children']) ? (node['children'] as unknown[]) : []
  if (!SEQUENCE_FUNCTION.test(String(node['function_name'])) || more.length > 0) return node
  if (!isNode(name) || !isNode(name['value'])) return node
  const { value } = name['value'] as { readonly value?: unknown }
  if (typeof value !== 'string' || !sequences.has(unquoted(value).toLowerCase())) return node
  places.push((placeOf(name) ?? 0) + 1)
  return { ...node, children: [{ ...name, value: { ...name['value'], value: `main.${value}` } }] }
}

function unquoted(name: string): string {
  return /^"(?:[^"]|"")*"$/.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name
}

function insert(sql: string, places: Places): string {
  const bytes = Buffer.from(sql)
  const cuts = [0, ...[...places].sort((a, b) => a - b), bytes.length]
  return cuts
    .slice(1)
    .map((end, i) => bytes.subarray(cuts[i], end).toString())
    .join('main.')
}

/** What hides a table of its name: common table expressions. */
function cteNames(map: unknown): string[] {
  const entries = isNode(map) ? map['map'] : undefined
  if (!Array.isArray(entries)) return []
  return entries.flatMap((entry: unknown) =>
    isNode(entry) && typeof entry['key'] === 'string' ? [`table_name ${entry['key'].toLowerCase()}`] : [],
  )
}
