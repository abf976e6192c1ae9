import { DuckfleetError } from '../errors.js'
import { type Catalog, display, type Macro, type Table } from './catalog/catalog.js'
import { BUILT_IN_MACROS } from './catalog/built-in-macros.js'
import { inThisDatabase } from './catalog/catalog-reader.js'
import { dependencyOrder } from './catalog/order.js'
import { flag, list, text } from './sql/row.js'
import { type Session, SqlError } from './sql/session.js'
import { ident, isSymbol, literal, qualified, tokenize } from './sql/sql.js'
import { renderType, resolveType } from './sql/types.js'

/** A throwaway copy of the source that is open for writing, and a folder for what it writes. */
export interface Scratch {
  readonly session: Session
  /** It holds schemas and macros, and nothing else. */
  readonly bare: boolean
  readonly folder: string
  /** Reads a file of that folder as UTF-8. */
  readText(name: string): Promise<string>
}

interface MacroRow {
  readonly schema: string
  readonly name: string
  readonly parameters: readonly string[]
  /** False for a table macro. */
  readonly scalar: boolean
  readonly definition: string
}

/** The user's macros, as far as the catalog shows them. */
export async function listMacros(session: Session): Promise<readonly MacroRow[]> {
  const where = inThisDatabase(session.release)
  const internal = where === '' ? `schema_name <> 'pg_catalog'` : 'NOT internal'
  const rows = await session.query(
    `SELECT schema_name, function_name, parameters, function_type = 'macro' AS scalar, coalesce(macro_definition, '') AS definition
     FROM duckdb_functions() WHERE function_type IN ('macro', 'table_macro') AND ${internal} ${where}
     ORDER BY schema_name, function_name`,
  )
  const macros = rows.map((row) => ({
    schema: text(row, 'schema_name'),
    name: text(row, 'function_name'),
    parameters: list(row, 'parameters'),
    scalar: flag(row, 'scalar'),
    definition: text(row, 'definition'),
  }))
  if (where !== '') return macros
  return macros.filter(
    ({ schema, name, definition }) => schema !== 'main' || BUILT_IN_MACROS.get(name) !== definition,
  )
}

/**
 * Macros that the catalog shows whole: scalar ones whose parameters have no defaults; undefined when some are not.
 * How many parameters have none is told by the complaint about a call with too many arguments, which is made before
 * the body is looked at.
 */
export async function readPlainMacros(
  session: Session,
  macros: readonly MacroRow[],
): Promise<Macro[] | undefined> {
  const plain: Macro[] = []
  for (const { schema, name, parameters, scalar, definition } of macros) {
    if (
      !scalar ||
      (await requiredArguments(session, schema, name, parameters.length + 1)) !== parameters.length
    )
      return undefined
    plain.push({
      schema,
      name,
      definition: `(${parameters.map(ident).join(', ')}) AS ${withoutPrefix(definition, name)}`,
    })
  }
  return plain
}

async function requiredArguments(
  session: Session,
  schema: string,
  name: string,
  tooMany: number,
): Promise<number | undefined> {
  const nulls = Array.from({ length: tooMany }, () => 'NULL').join(', ')
  try {
    await session.query(`EXPLAIN SELECT ${qualified(schema, name)}(${nulls})`)
    return undefined
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    const [, required] = /requires (a single|\d+) positional argument/.exec(error.message) ?? []
    return required === 'a single' ? 1 : required === undefined ? undefined : Number(required)
  }
}

/** Parameters are stored as columns of a table that does not exist: `"0_macro_parametersm".a`. */
export function withoutPrefix(definition: string, name: string): string {
  // Token by token: a text may hold what looks like such a name.
  return tokenize(definition).reduceRight((now, token, i, tokens) => {
    const dot = tokens[i + 1]
    const isPrefix = token.kind === 'quoted' && token.text === `0_macro_parameters${name}`
    return isPrefix && dot && isSymbol(dot, '.') ? now.slice(0, token.start) + now.slice(dot.end) : now
  }, definition)
}

/**
 * Macros with their defaults, and bodies of table macros: up to 0.8 only `EXPORT DATABASE` prints them. It would
 * export every row too, so the tables are dropped first, in a transaction that is rolled back. WASM engines of 0.6
 * and 0.7 open nothing for writing: they get a copy without tables, unless objects may be in a WAL; then every row goes out
 * once more.
 */
export async function exportMacros(
  scratch: Scratch,
  catalog: Pick<Catalog, 'tables' | 'types' | 'indexes'>,
  macros: readonly MacroRow[],
): Promise<Macro[]> {
  const { session, folder, bare } = scratch
  const { tables } = catalog
  const dropped = !bare && (await dropTables(session, catalog))
  if (!bare && !dropped) refuseNamedTypes(catalog, macros)
  const format = bare || dropped || tables.some(needsCsv) ? '' : ' (FORMAT PARQUET)'
  await session.query(`EXPORT DATABASE ${literal(`${folder}/schema`)}${format}`)
  if (dropped) await session.query('ROLLBACK')
  return parseMacros(await scratch.readText('schema/schema.sql'), macros)
}

/** EXPORT DATABASE breaks the engine on a type that is no enum. */
function refuseNamedTypes({ types }: Pick<Catalog, 'types'>, macros: readonly MacroRow[]): void {
  const named = types.find(({ type }) => type.kind !== 'enum')
  if (!named) return
  throw new DuckfleetError(
    'unsupported',
    `macros with defaults, or that give tables, cannot be read from a file with a .wal where a type is no ENUM: run CHECKPOINT, ` +
      `or drop type ${display(named)}, or such macros (of ${macros.map(display).join(', ')}), with the release that wrote the file`,
  )
}

/** Drops every table in a transaction; false, and none dropped, where the engine refuses to write. */
async function dropTables(
  session: Session,
  { tables, types, indexes }: Pick<Catalog, 'tables' | 'types' | 'indexes'>,
): Promise<boolean> {
  await session.query('BEGIN TRANSACTION')
  try {
    // Dropping the child of a foreign key alters its parent, which must have no index then.
    for (const index of indexes) await session.query(`DROP INDEX ${qualified(index.schema, index.name)}`)
    for (const table of dependencyOrder(tables).reverse())
      await session.query(`DROP TABLE ${qualified(table.schema, table.name)}`)
    // See refuseNamedTypes.
    for (const { schema, name, type } of types) {
      if (type.kind === 'enum') continue
      await session.query(`SET schema = ${literal(schema)}`)
      await session.query(`DROP TYPE ${ident(name)}`)
    }
    return true
  } catch (error) {
    await session.query('ROLLBACK')
    if (error instanceof SqlError && /read-only/.test(error.message)) return false
    throw error
  }
}

/** Parquet of these releases refuses some values; CSV takes any, and nobody reads it here. */
function needsCsv(table: Table): boolean {
  return /UNION|BIT|INTERVAL/.test(table.columns.map(({ type }) => renderType(resolveType(type))).join())
}

/** Finds the macros in the text of an exported schema, which quotes no name but a parameter that is a keyword. */
export function parseMacros(schemaSql: string, macros: readonly MacroRow[]): Macro[] {
  return macros.flatMap(({ schema, name, parameters }): Macro[] => {
    const [, body, another] = `\n${schemaSql}`.split(`\nCREATE MACRO ${schema}.${name}(`)
    if (body === undefined) return []
    // Another name or text may hold a line that looks like a macro.
    const definition = another === undefined ? readDefinition(body, parameters) : undefined
    if (definition === undefined)
      throw new DuckfleetError('unsupported', `cannot read the definition of macro ${schema}.${name}`)
    return [{ schema, name, definition }]
  })
}

/** Offset of the semicolon that ends the statement: the first one outside quotes. */
function statementEnd(sql: string, from: number): number {
  const quoted = /'(?:[^']|'')*'|"(?:[^"]|"")*"|;/g
  quoted.lastIndex = from
  for (let match = quoted.exec(sql); match !== null; match = quoted.exec(sql))
    if (match[0] === ';') return match.index
  return sql.length
}

/** `a, b := 5) AS (a + b);…` → `("a", "b" := 5) AS (a + b)`; undefined when the text is not of that form. */
function readDefinition(text: string, parameters: readonly string[]): string | undefined {
  let at = 0
  const rendered: string[] = []
  for (const [i, parameter] of parameters.entries()) {
    // Only a keyword is quoted.
    const written = [ident(parameter), parameter].find((spelling) => text.startsWith(spelling, at))
    if (written === undefined) return undefined
    at += written.length
    if (text.startsWith(' := ', at)) {
      const value = /^(?:'(?:[^']|'')*'|[^',)]+)(?:::[\w ]+)?/.exec(text.slice(at + 4))?.[0]
      if (value === undefined) return undefined
      at += 4 + value.length
      rendered.push(`${ident(parameter)} := ${value}`)
    } else rendered.push(ident(parameter))
    if (i < parameters.length - 1) {
      if (!text.startsWith(', ', at)) return undefined
      at += 2
    }
  }
  if (!text.startsWith(') AS ', at)) return undefined
  // A parameter may hold a semicolon, so the end is looked for in the body only.
  return `(${rendered.join(', ')}) AS ${text.slice(at + 5, statementEnd(text, at + 5)).trim()}`
}
