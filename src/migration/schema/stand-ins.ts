import { type Catalog, display, type Macro, type View } from '../catalog/catalog.js'
import { ANY_COUNT, callsOf } from '../sql/calls.js'
import { createMacro, createView } from './ddl.js'
import { callMacro } from '../catalog/macro-call.js'
import { learn, type Naming, type StandIn } from './missing.js'
import { type Session, SqlError } from '../sql/session.js'
import { ident, qualified } from '../sql/sql.js'

/**
 * Creates a view or macro whose tables, columns or functions are gone: they are made for a moment, with just enough for
 * it to bind, and dropped again. What is missing is read from the engine's own complaints. The database must not hold
 * any table yet, so that a stand-in can have the name of a real table that lacks a column.
 */

/** A view or macro that the source cannot use. */
export interface Broken extends Naming {
  /** Its name for people. */
  readonly what: string
  /** What the source engine says. */
  readonly why: string
  /** The statement that creates it. */
  readonly sql: string
  /** A query that uses it. */
  readonly use: string
}

export function brokenView(view: View, why: string): Broken {
  const { query, recorded } = view
  const use = `SELECT * FROM ${qualified(view.schema, view.name)}`
  return { what: `view ${display(view)}`, why, sql: createView(view), query, recorded, use }
}

export function brokenMacro(macro: Macro, why: string): Broken {
  const [sql, use] = [createMacro(macro), callMacro(macro)]
  return { what: `macro ${display(macro)}`, why, sql, query: macro.definition, recorded: [], use }
}

const MOST_ATTEMPTS = 60
/** Types to try for a column that nothing is known of. */
const GUESSES = ['VARCHAR', 'BIGINT', 'DOUBLE', 'TIMESTAMP', 'DATE', 'BOOLEAN', 'VARCHAR[]'] as const

/** Statements that made it and left nothing else behind; what the engine says if no stand-in would do. */
export async function createBroken(
  session: Session,
  broken: Broken,
  catalog: Catalog,
): Promise<string[] | { readonly complaint: string }> {
  let last = ''
  for (const guess of GUESSES) {
    const standIns: StandIn[] = []
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const complaint = await attemptWith(session, broken, standIns)
      if (complaint === undefined) return script(broken, standIns)
      last = complaint
      if (!learn(complaint, standIns, broken, catalog, guess)) break
    }
  }
  return { complaint: last }
}

/** What holds something comes before it, and goes after it. */
function inOrder(standIns: readonly StandIn[]): StandIn[] {
  const rank = ({ kind }: StandIn): number => ['database', 'schema'].indexOf(kind)
  const holders = standIns.filter((one) => rank(one) >= 0).sort((a, b) => rank(a) - rank(b))
  return [...holders, ...standIns.filter((one) => rank(one) < 0)]
}

function script(broken: Broken, standIns: readonly StandIn[]): string[] {
  const ordered = inOrder(standIns)
  return [...ordered.map((one) => create(one, broken)), broken.sql, ...ordered.reverse().map(drop)]
}

/** Leaves what it made only if all could be made; what the engine complains of otherwise. */
async function attemptWith(
  session: Session,
  broken: Broken,
  standIns: readonly StandIn[],
): Promise<string | undefined> {
  const made: StandIn[] = []
  let complaint: string | undefined
  try {
    for (const standIn of inOrder(standIns)) {
      await session.query(create(standIn, broken))
      made.push(standIn)
    }
    await session.query(broken.sql)
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    complaint = error.message
  }
  // One by one: no transaction may write to two databases.
  for (const standIn of made.reverse()) await session.query(drop(standIn))
  return complaint
}

function create(standIn: StandIn, { query }: Broken): string {
  switch (standIn.kind) {
    case 'database':
      return `ATTACH ':memory:' AS ${ident(standIn.name)}`
    case 'schema':
      return `CREATE SCHEMA ${inDatabase(standIn, ident(standIn.name))}`
    case 'type':
      return `CREATE TYPE ${qualified(standIn.schema, standIn.name)} AS VARCHAR`
    case 'sequence':
      return `CREATE SEQUENCE ${qualified(standIn.schema, standIn.name)}`
    case 'table': {
      const columns = [...standIn.columns].map(([name, type]) => `${ident(name)} ${type}`)
      return `CREATE TABLE ${inDatabase(standIn, qualified(standIn.schema, standIn.name))} (${columns.join(', ')})`
    }
    case 'table-macro': {
      const columns = [...standIn.columns].map(([name, type]) => `CAST(NULL AS ${type}) AS ${ident(name)}`)
      const body = `AS TABLE (SELECT ${columns.join(', ')})`
      const { named, counts } = callsOf(query, standIn.name)
      return `CREATE MACRO ${qualified(standIn.schema, standIn.name)}${variants((n) => `(${parameters(n, named)}) ${body}`, counts)}`
    }
    case 'macro':
      return `CREATE MACRO ${qualified(standIn.schema, standIn.name)}${variants((n) => `(${parameters(n)}) AS CAST(NULL AS ${standIn.type})`)}`
    default:
      return standIn satisfies never
  }
}

function inDatabase({ database }: { readonly database: string | undefined }, name: string): string {
  return database === undefined ? name : `${ident(database)}.${name}`
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
    case 'database':
      return `DETACH ${ident(standIn.name)}`
    case 'schema':
      return `DROP SCHEMA ${inDatabase(standIn, ident(standIn.name))}`
    case 'type':
      return `DROP TYPE ${qualified(standIn.schema, standIn.name)}`
    case 'sequence':
      return `DROP SEQUENCE ${qualified(standIn.schema, standIn.name)}`
    case 'table':
      return `DROP TABLE ${inDatabase(standIn, qualified(standIn.schema, standIn.name))}`
    case 'table-macro':
      return `DROP MACRO TABLE ${qualified(standIn.schema, standIn.name)}`
    case 'macro':
      return `DROP MACRO ${qualified(standIn.schema, standIn.name)}`
    default:
      return standIn satisfies never
  }
}
