import { basename, extname } from 'node:path'
import { ident, literal, splitList } from '../../migration/sql.js'
import type { OpenOptions } from '../protocol.js'

/*
 * What computes with TIMESTAMP WITH TIME ZONE is in an extension that the WebAssembly engines lack, and an engine binds
 * every CHECK, DEFAULT and generated column of a file while it opens it. So a file that holds `now() - INTERVAL 1 DAY`
 * would not open. Attached beside a database of the engine's own, it opens: macros in that one stand in for the
 * missing functions while it is bound. Nothing is evaluated then, the expressions stay as they are in the file, and
 * once the file is in use the macros are out of sight.
 */

interface Connection {
  query(sql: string): unknown
  close(): void
}

/** More than there are such functions. */
const MOST_STAND_INS = 60

/**
 * Opens a file of 0.7 or 0.8 that `complaint` kept from being opened; gives the SQL with which a connection uses it.
 * `anew`: a connection to an engine that has nothing open.
 */
export function attachWithStandIns(
  anew: () => Connection,
  { path, mode }: Pick<OpenOptions, 'path' | 'mode'>,
  complaint: unknown,
): string {
  const name = ident(basename(path, extname(path)))
  const attach = `ATTACH ${literal(path)} AS ${name}${mode === 'read' ? ' (READ_ONLY)' : ''}`
  const standIns = new Map<string, string>()
  let error = complaint
  while (standIns.size < MOST_STAND_INS) {
    const missing = missingFunction(error)
    // One macro takes one number of arguments, and 0.6 lets no macro have the name of a function.
    if (missing === undefined || standIns.has(missing.name)) throw complaint
    const signature = `${ident(missing.name)}(${missing.parameters.join(', ')})`
    standIns.set(missing.name, `CREATE MACRO main.${signature} AS NULL`)
    // An engine keeps a file locked that it could not attach.
    const connection = anew()
    try {
      for (const macro of standIns.values()) connection.query(macro)
      connection.query(attach)
      return `USE ${name}`
    } catch (next) {
      error = next
    } finally {
      connection.close()
    }
  }
  throw complaint
}

/** Is it that a function does not take a TIMESTAMP WITH TIME ZONE? */
export function lacksTimeZones(error: unknown): boolean {
  return missingFunction(error) !== undefined
}

function missingFunction(error: unknown): { name: string; parameters: string[] } | undefined {
  const message = error instanceof Error ? error.message : ''
  const [, name, types] =
    /No function matches the given name and argument types '([^'(]+)\(([^']*)\)'/.exec(message) ?? []
  if (/Function with name "?make_timestamptz"? (does not exist|is not in the catalog)/.test(message))
    return { name: 'make_timestamptz', parameters: parameters(6) }
  if (name === undefined || !types?.includes('TIMESTAMP WITH TIME ZONE')) return undefined
  return { name, parameters: parameters(splitList(types).length) }
}

function parameters(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `p${i}`)
}
