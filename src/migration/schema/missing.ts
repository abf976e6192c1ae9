import type { Catalog, ObjectName, ViewColumn } from '../catalog/catalog.js'
import { isSymbol, isWord, type Token, tokenize } from '../sql/sql.js'
import { renderType } from '../sql/types.js'

/** What names something that is missing. */
export interface Naming {
  /** The SQL that names it. */
  readonly query: string
  /** The columns that are recorded of a view. */
  readonly recorded: readonly ViewColumn[]
}

/** Something that is made for a moment in place of what is missing. */
export type StandIn =
  | { readonly kind: 'database'; readonly name: string }
  /** `database`: undefined for the one in use. */
  | { readonly kind: 'schema'; readonly database: string | undefined; readonly name: string }
  | {
      readonly kind: 'table'
      readonly database: string | undefined
      readonly schema: string
      readonly name: string
      readonly columns: Map<string, string>
    }
  | {
      readonly kind: 'table-macro'
      readonly schema: string
      readonly name: string
      readonly columns: Map<string, string>
    }
  | { readonly kind: 'type' | 'sequence'; readonly schema: string; readonly name: string }
  | { readonly kind: 'macro'; readonly schema: string; readonly name: string; readonly type: string }

/** Adds what an engine's complaint asks for; false if it is none of the kind that a stand-in helps against. */
export function learn(
  complaint: string,
  standIns: StandIn[],
  broken: Naming,
  catalog: Catalog,
  guess: string,
): boolean {
  const missing = (what: string): string | undefined =>
    new RegExp(`${what} with name "?([^"\\n]+?)"? (?:does not exist|is not in the catalog)`).exec(
      complaint,
    )?.[1]
  const named = (what: string): { name: string; schema: string } | undefined => {
    const name = missing(what)
    return name === undefined
      ? undefined
      : { name, schema: placeOf(naming(name, broken, catalog), name).schema }
  }
  const database = /Catalog "([^"]+)" does not exist/.exec(complaint)?.[1]
  if (database !== undefined) return add(standIns, { kind: 'database', name: database })
  const schema = /because schema "([^"]+)" does not exist/.exec(complaint)?.[1] ?? missing('Schema')
  if (schema !== undefined) {
    const { database } = placeOf(naming(schema, broken, catalog), schema, standIns)
    return add(standIns, { kind: 'schema', database, name: schema })
  }
  const tableFunction = named('Table Function')
  if (tableFunction)
    return add(standIns, { kind: 'table-macro', ...tableFunction, columns: recordedColumns(broken) })
  const table = missing('Table')
  if (table !== undefined) return addTable(table, standIns, broken, catalog)
  const type = named('Type')
  if (type) return add(standIns, { kind: 'type', ...type })
  const sequence = missing('Sequence')
  if (sequence !== undefined) return addSequence(sequence, standIns, broken, catalog)
  const called = named('(?:Scalar|Aggregate|Macro)(?: Macro)? ?Function')
  if (called) return add(standIns, { kind: 'macro', ...called, type: guess })
  const column =
    /Referenced column "([^"]+)" not found/.exec(complaint)?.[1] ??
    /does not have a column named "([^"]+)"/.exec(complaint)?.[1] ??
    /Column "([^"]+)" does not exist on (?:left|right) side of join/.exec(complaint)?.[1]
  if (column !== undefined) return addColumn(column, complaint, standIns, broken, guess)
  return /Permission|IO Error|HTTP Error|Missing Extension/.test(complaint) && addOutside(standIns, broken)
}

/** For what reads something outside the database, which no engine here may touch. */
function addOutside(standIns: StandIn[], broken: Naming): boolean {
  const tokens = tokenize(broken.query)
  return tokens.some((token, i) => {
    const next = tokens[i + 1]
    if (
      token.kind === 'word' &&
      isSymbol(next, '(') &&
      /^(read_\w+|\w+_scan|glob|parquet_\w+|sniff_csv)$/i.test(token.text)
    )
      return add(standIns, {
        kind: 'table-macro',
        schema: 'main',
        name: token.text.toLowerCase(),
        columns: recordedColumns(broken),
      })
    const isFile = next?.kind === 'string' && (isWord(token, 'FROM') || isWord(token, 'JOIN'))
    const name = next?.text.slice(1, -1).replaceAll("''", "'") ?? ''
    const columns = recordedColumns(broken)
    return isFile && add(standIns, { kind: 'table', database: undefined, schema: 'main', name, columns })
  })
}

function add(standIns: StandIn[], standIn: StandIn): boolean {
  if (standIns.some(({ kind, name }) => kind === standIn.kind && name === standIn.name)) return false
  standIns.push(standIn)
  return true
}

function addTable(printed: string, standIns: StandIn[], broken: Naming, catalog: Catalog): boolean {
  const parts = printed.split('.')
  const name = parts.at(-1) ?? printed
  const place = placeOf(naming(name, broken, catalog), name, standIns)
  const schema = parts.length > 1 ? (parts.at(-2) ?? 'main') : place.schema
  const same = (other: ObjectName): boolean =>
    place.database === undefined && other.schema === schema && other.name.toLowerCase() === name.toLowerCase()
  const table = catalog.tables.find(same)
  const other = catalog.views.find(same)
  const columns = table
    ? new Map(table.columns.map((column) => [column.name, renderType(column.type)]))
    : recordedColumns(other ?? broken)
  return add(standIns, { kind: 'table', database: place.database, schema, name, columns })
}

/** A sequence is named by a text. */
function addSequence(name: string, standIns: StandIn[], broken: Naming, catalog: Catalog): boolean {
  const [schema] = texts(broken, catalog).flatMap((sql) =>
    tokenize(sql).flatMap(({ kind, text }) => {
      const parts = kind === 'string' ? tokenize(text.slice(1, -1)) : []
      return parts.at(-1)?.text === name && parts.length >= 3 ? [parts.at(-3)?.text ?? 'main'] : []
    }),
  )
  return add(standIns, { kind: 'sequence', schema: schema ?? 'main', name })
}

/** Its own text, and those of the views and macros that it may use. */
function texts({ query }: Naming, { views, macros }: Catalog): string[] {
  return [query, ...views.map((view) => view.query), ...macros.map((macro) => macro.definition)]
}

/** The text that names something. */
function naming(name: string, broken: Naming, catalog: Catalog): string {
  return texts(broken, catalog).find((sql) => tokenize(sql).some((token) => isNamed(token, name))) ?? ''
}

function isNamed({ kind, text }: Token, name: string): boolean {
  return (kind === 'word' || kind === 'quoted') && text.toLowerCase() === name.toLowerCase()
}

/** What the query names before an object: its schema, else `main`, and one of the databases that stand in. */
function placeOf(
  query: string,
  name: string,
  standIns: readonly StandIn[] = [],
): { readonly database: string | undefined; readonly schema: string } {
  const tokens = tokenize(query)
  const at = tokens.findIndex((token, i) => isNamed(token, name) && isSymbol(tokens[i - 1], '.'))
  const before = (step: number): string | undefined =>
    at >= 2 * step && isSymbol(tokens[at - 2 * step + 1], '.') ? tokens[at - 2 * step]?.text : undefined
  const [first, second] = at < 0 ? [undefined, undefined] : [before(1), before(2)]
  const databaseOf = (text: string | undefined): string | undefined =>
    standIns.find((one) => one.kind === 'database' && one.name.toLowerCase() === text?.toLowerCase())?.name
  const database = databaseOf(second) ?? databaseOf(first)
  return {
    database,
    schema: first === undefined || databaseOf(first) !== undefined ? 'main' : first,
  }
}

function addColumn(
  column: string,
  complaint: string,
  standIns: StandIn[],
  { recorded: columns }: Naming,
  guess: string,
): boolean {
  const tables = standIns.filter((standIn) => 'columns' in standIn)
  const named = /(?:Table|Values list) "([^"]+)" does not have/.exec(complaint)?.[1]
  const table =
    tables.find(({ name }) => name === named) ?? tables.find(({ columns }) => !columns.has(column))
  if (!table || table.columns.has(column)) return false
  const recorded = columns.find(({ name }) => name === column)
  table.columns.set(column, recorded ? safeType(recorded.type) : guess)
  return true
}

function recordedColumns({ recorded }: Pick<Naming, 'recorded'>): Map<string, string> {
  const columns = recorded.map(({ name, type }): [string, string] => [name, safeType(type)])
  return new Map(columns.length > 0 ? columns : [['stand_in', 'INTEGER']])
}

/** A type as an old release printed it, if it surely parses; else text. */
function safeType(printed: ViewColumn['type']): string {
  return /^[A-Z_ ]+(?:\(\d+,\s*\d+\))?(?:\[\])*$/.test(printed) && !/^(NULL|INVALID|UNKNOWN)/.test(printed)
    ? printed
    : 'VARCHAR'
}
