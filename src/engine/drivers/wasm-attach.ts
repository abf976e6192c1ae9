import { basename, extname } from 'node:path'
import { ident, literal, splitList } from '../../migration/sql/sql.js'
import { tellsDamage } from '../../migration/transfer-errors.js'
import type { OpenOptions } from '../protocol.js'

/*
 * An engine binds every CHECK, DEFAULT and generated column of a file while it opens it. What computes with JSON, or with
 * TIMESTAMP WITH TIME ZONE, is in extensions that WebAssembly engines lack, and that native ones load after their first
 * database: so no engine opens a file that calls them, but all can attach it beside a database of their own. In that one
 * macros, and a type for JSON, stand in for what is missing. Nothing is evaluated while a file is bound, its expressions
 * stay as they are, and once it is in use the stand-ins are out of sight.
 */

interface Connection {
  query(sql: string): unknown
  close(): void
}

/** Each finds another function, or how many arguments one takes. */
const MOST_ATTEMPTS = 60

/**
 * Attaches a file of 0.7 or 0.8 that `complaint` kept from being opened; gives the SQL with which a connection uses it.
 * `anew`: a connection to an engine that has nothing open.
 */
export function attachInstead(
  anew: () => Connection,
  { path, mode }: Pick<OpenOptions, 'path' | 'mode'>,
  complaint: unknown,
): string {
  const name = ident(basename(path, extname(path)))
  const attach = `ATTACH ${literal(path)} AS ${name}${mode === 'read' ? ' (READ_ONLY)' : ''}`
  const standIns = new Map<string, number>()
  const types = new Set<string>()
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    // An engine keeps a file locked that it could not attach.
    const connection = anew()
    try {
      for (const type of types) connection.query(`CREATE TYPE main.${ident(type)} AS VARCHAR`)
      for (const [called, count] of standIns) connection.query(standIn(called, count))
      connection.query(attach)
      // USE takes a dot inside the quotes for the one before a schema.
      return `SET search_path = ${literal(`${name}.main`)}`
    } catch (error) {
      const type = missingType(error)
      if (type !== undefined && !types.has(type)) {
        types.add(type)
        continue
      }
      // Which shows only now that the engine gets so far.
      if (tellsDamage(messageOf(error))) throw error
      const missing = missingFunction(error)
      // One macro takes one number of arguments, and 0.6 lets no macro have the name of a function.
      if (missing === undefined || standIns.get(missing.name) === missing.count) throw complaint
      if (standIns.has(missing.name) && !missing.corrected) throw complaint
      standIns.set(missing.name, missing.count)
    } finally {
      connection.close()
    }
  }
  throw complaint
}

function standIn(name: string, count: number): string {
  const parameters = Array.from({ length: count }, (_, i) => `p${i}`)
  return `CREATE MACRO main.${ident(name)}(${parameters.join(', ')}) AS NULL`
}

/** Is it that a function or type is missing, or that a function does not take such arguments? */
export function lacksExtension(error: unknown): boolean {
  return missingFunction(error) !== undefined || missingType(error) !== undefined
}

function missingType(error: unknown): string | undefined {
  return /Type with name (JSON) does not exist/.exec(messageOf(error))?.[1]
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}

interface Missing {
  readonly name: string
  /** How many arguments it takes. */
  readonly count: number
  /** True when a stand-in was called with so many. */
  readonly corrected: boolean
}

function missingFunction(error: unknown): Missing | undefined {
  const message = messageOf(error)
  const [, refused, types = ''] =
    /No function matches the given name and argument types '([^'(]+)\(([^']*)\)'/.exec(message) ??
    // What a stand-in gives, NULL, is of any type.
    /Could not choose a best candidate function for the function call "([^"(]+)\(([^"]*)\)"/.exec(message) ??
    []
  if (refused !== undefined) return { name: refused, count: splitList(types).length, corrected: false }
  const [, called, given] =
    /Macro function '([^'(]+)\([^']*\)' requires .*, but (a single|\d+) positional/.exec(message) ?? []
  if (called !== undefined)
    return { name: called, count: given === 'a single' ? 1 : Number(given), corrected: true }
  const [, unknown] =
    /Function with name "?(.+?)"? (?:does not exist|is not in the catalog)/.exec(message) ?? []
  return unknown === undefined ? undefined : { name: unknown, count: 1, corrected: false }
}
