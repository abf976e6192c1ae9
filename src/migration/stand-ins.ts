import type { Catalog, ObjectName, View, ViewColumn } from './catalog.js'
import { ANY_COUNT, callsOf } from './calls.js'
import { createView } from './ddl.js'
import { type Session, SqlError } from './session.js'
import { ident, isSymbol, isWord, qualified, type Token, tokenize } from './sql.js'
import { renderType } from './types.js'

/**
 * Creates a view whose tables, columns or functions are gone: they are made for a moment, with just enough for the
 * view to bind, and dropped again. What is missing is read from the engine's own complaints. The database must not
 * hold any table yet, so that a stand-in can have the name of a real table that lacks a column.
 */

const MOST_ATTEMPTS = 60
/** Types to try for a column that nothing is known of. */
const GUESSES = ['VARCHAR', 'BIGINT', 'DOUBLE', 'TIMESTAMP', 'DATE', 'BOOLEAN', 'VARCHAR[]'] as const

type StandIn =
  | {
      readonly kind: 'table'
      readonly schema: string
      readonly name: string
      readonly columns: Map<string, string>
    }
  | { readonly kind: 'table-macro'; readonly name: string }
  | { readonly kind: 'macro'; readonly name: string; readonly type: string }

/** Statements that made the view and left nothing else behind; undefined if no stand-in would do. */
export async function createBroken(
  session: Session,
  view: View,
  catalog: Catalog,
): Promise<string[] | undefined> {
  for (const guess of GUESSES) {
    const standIns: StandIn[] = []
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const statements = script(view, standIns)
      const complaint = await tryScript(session, statements)
      if (complaint === undefined) return statements
      if (!learn(complaint, standIns, view, catalog, guess)) break
    }
  }
  return undefined
}

function script(view: View, standIns: readonly StandIn[]): string[] {
  return [...standIns.map((standIn) => create(standIn, view)), createView(view), ...standIns.map(drop)]
}

function create(standIn: StandIn, view: View): string {
  switch (standIn.kind) {
    case 'table': {
      const columns = [...standIn.columns].map(([name, type]) => `${ident(name)} ${type}`)
      return `CREATE TABLE ${qualified(standIn.schema, standIn.name)} (${columns.join(', ')})`
    }
    case 'table-macro': {
      const columns = view.recorded.map(
        ({ name, type }) => `CAST(NULL AS ${safeType(type)}) AS ${ident(name)}`,
      )
      const body = `AS TABLE (SELECT ${columns.join(', ') || '1'})`
      const { named, counts } = callsOf(view.query, standIn.name)
      return `CREATE MACRO ${ident(standIn.name)}${variants((n) => `(${parameters(n, named)}) ${body}`, counts)}`
    }
    case 'macro':
      return `CREATE MACRO ${ident(standIn.name)}${variants((n) => `(${parameters(n)}) AS CAST(NULL AS ${standIn.type})`)}`
    default:
      return standIn satisfies never
  }
}

/** One macro that takes any of so many arguments. */
function variants(of: (parameterCount: number) => string, counts = ANY_COUNT): string {
  return counts.map(of).join(', ')
}

function parameters(count: number, named: readonly string[] = []): string {
  const positional = Array.from({ length: count }, (_, i) => `p${i}`)
  return [...positional, ...named.map((name) => `${ident(name)} := NULL`)].join(', ')
}

function drop(standIn: StandIn): string {
  switch (standIn.kind) {
    case 'table':
      return `DROP TABLE ${qualified(standIn.schema, standIn.name)}`
    case 'table-macro':
      return `DROP MACRO TABLE ${ident(standIn.name)}`
    case 'macro':
      return `DROP MACRO ${ident(standIn.name)}`
    default:
      return standIn satisfies never
  }
}

async function tryScript(session: Session, statements: readonly string[]): Promise<string | undefined> {
  await session.query('BEGIN TRANSACTION')
  try {
    for (const statement of statements) await session.query(statement)
    await session.query('COMMIT')
    return undefined
  } catch (error) {
    await session.query('ROLLBACK')
    if (!(error instanceof SqlError)) throw error
    return error.message
  }
}

/** Adds what the complaint asks for; false if it is none of the kind that a stand-in helps against. */
function learn(complaint: string, standIns: StandIn[], view: View, catalog: Catalog, guess: string): boolean {
  const missing = (what: string): string | undefined =>
    new RegExp(`${what} with name "?([^"\\n]+?)"? (?:does not exist|is not in the catalog)`).exec(
      complaint,
    )?.[1]
  const tableFunction = missing('Table Function')
  if (tableFunction !== undefined) return add(standIns, { kind: 'table-macro', name: tableFunction })
  const table = missing('Table')
  if (table !== undefined) return addTable(table, standIns, view, catalog)
  const called = missing('(?:Scalar|Aggregate|Macro)(?: Macro)? ?Function')
  if (called !== undefined) return add(standIns, { kind: 'macro', name: called, type: guess })
  const column =
    /Referenced column "([^"]+)" not found/.exec(complaint)?.[1] ??
    /does not have a column named "([^"]+)"/.exec(complaint)?.[1]
  if (column !== undefined) return addColumn(column, complaint, standIns, view, guess)
  return /Permission|IO Error|HTTP Error|Missing Extension/.test(complaint) && addOutside(standIns, view)
}

/** For a view that reads something outside the database, which no engine here may touch. */
function addOutside(standIns: StandIn[], view: View): boolean {
  const tokens = tokenize(view.query)
  return tokens.some((token, i) => {
    const next = tokens[i + 1]
    if (
      token.kind === 'word' &&
      isSymbol(next, '(') &&
      /^(read_\w+|\w+_scan|glob|parquet_\w+|sniff_csv)$/i.test(token.text)
    )
      return add(standIns, { kind: 'table-macro', name: token.text.toLowerCase() })
    const isFile = next?.kind === 'string' && (isWord(token, 'FROM') || isWord(token, 'JOIN'))
    const name = next?.text.slice(1, -1).replaceAll("''", "'") ?? ''
    return isFile && add(standIns, { kind: 'table', schema: 'main', name, columns: recordedColumns(view) })
  })
}

function add(standIns: StandIn[], standIn: StandIn): boolean {
  if (standIns.some(({ kind, name }) => kind === standIn.kind && name === standIn.name)) return false
  standIns.push(standIn)
  return true
}

function addTable(printed: string, standIns: StandIn[], view: View, catalog: Catalog): boolean {
  const parts = printed.split('.')
  const name = parts.at(-1) ?? printed
  const schema = parts.length > 1 ? (parts.at(-2) ?? 'main') : qualifiedSchema(view.query, name)
  const same = (other: ObjectName): boolean =>
    other.schema === schema && other.name.toLowerCase() === name.toLowerCase()
  const table = catalog.tables.find(same)
  const other = catalog.views.find(same)
  const columns = table
    ? new Map(table.columns.map((column) => [column.name, renderType(column.type)]))
    : recordedColumns(other ?? view)
  return add(standIns, { kind: 'table', schema, name, columns })
}

/** The schema that the query names before the table, else `main`. */
function qualifiedSchema(query: string, table: string): string {
  const tokens = tokenize(query)
  const isTable = ({ kind, text }: Token): boolean =>
    (kind === 'word' || kind === 'quoted') && text.toLowerCase() === table.toLowerCase()
  const named = tokens.find((_, i) => {
    const after = tokens[i + 2]
    return isSymbol(tokens[i + 1], '.') && after !== undefined && isTable(after)
  })
  return named?.text ?? 'main'
}

function addColumn(
  column: string,
  complaint: string,
  standIns: StandIn[],
  view: View,
  guess: string,
): boolean {
  const tables = standIns.filter((standIn) => standIn.kind === 'table')
  const named = /(?:Table|Values list) "([^"]+)" does not have/.exec(complaint)?.[1]
  const table =
    tables.find(({ name }) => name === named) ?? tables.find(({ columns }) => !columns.has(column))
  if (!table || table.columns.has(column)) return false
  const recorded = view.recorded.find(({ name }) => name === column)
  table.columns.set(column, recorded ? safeType(recorded.type) : guess)
  return true
}

function recordedColumns(view: View): Map<string, string> {
  const columns = view.recorded.map(({ name, type }): [string, string] => [name, safeType(type)])
  return new Map(columns.length > 0 ? columns : [['stand_in', 'INTEGER']])
}

/** A type as an old release printed it, if it surely parses; else text. */
function safeType(printed: ViewColumn['type']): string {
  return /^[A-Z_ ]+(?:\(\d+,\s*\d+\))?(?:\[\])*$/.test(printed) && !/^(NULL|INVALID|UNKNOWN)/.test(printed)
    ? printed
    : 'VARCHAR'
}
