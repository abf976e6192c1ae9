import {
  type Catalog,
  display,
  type Divisions,
  type Index,
  type Macro,
  type ObjectName,
  type Table,
} from '../catalog/catalog.js'
import { divisionsIn } from './kept-meaning.js'
import { text } from '../sql/row.js'
import { type Session, SqlError } from '../sql/session.js'
import { isSymbol, isWord, qualified, type Token, tokenize } from '../sql/sql.js'
import { withExpressions } from './table-expressions.js'
import { type DuckType, isIntegerName } from '../sql/types.js'

/*
 * Up to 0.7 `/` divides integers without remainder, from 0.8 on it gives a fraction: there such a division is `//`. Which
 * divisions are of integers the source engine says: it tells the type of what each gives.
 */

type Divided = Pick<Catalog, 'tables' | 'macros' | 'indexes'>

/** Does `/` divide integers without remainder? */
export function dividesIntegers(release: string): boolean {
  return /^0\.[4-7]\./.test(release)
}

/** Asks the source engine; views are left out, whose text is as somebody typed it. */
export async function readDivisions(
  session: Session,
  { tables, macros, indexes }: Divided,
): Promise<Divisions> {
  const written = new Map<string, string>()
  const untold = new Set<string>()
  if (!dividesIntegers(session.release)) return { written, untold: [] }
  const read = async (object: ObjectName, sql: string, what: string, from: string): Promise<void> => {
    const found = await divide(session, sql, from)
    if (found.sql !== sql) written.set(keyOf(object, sql), found.sql)
    if (!found.told) untold.add(what)
  }
  for (const macro of macros) await read(macro, macro.definition, `macro ${display(macro)}`, '')
  for (const table of tables) {
    const from = ` FROM ${qualified(table.schema, table.name)}`
    for (const { name, default: value, generated } of table.columns) {
      const column = `${display(table)}.${name}`
      if (value !== undefined) await read(table, value, `default of ${column}`, '')
      if (generated !== undefined) await read(table, generated, `generated column ${column}`, from)
    }
    for (const one of table.constraints)
      if (one.kind === 'check')
        await read(table, one.expression, `CHECK (${one.expression}) of table ${display(table)}`, from)
  }
  for (const index of indexes) {
    const table = tables.find(({ schema, name }) => schema === index.schema && name === index.table)
    const { definition } = index
    if (divisionsIn(tokenize(definition)).length === 0) continue
    // As somebody typed it: no bracket says what is divided.
    if (table && onlyIntegers(definition, table)) written.set(keyOf(index, definition), asWhole(definition))
    else untold.add(`index ${display(index)}`)
  }
  return { written, untold: [...untold] }
}

function keyOf({ schema, name }: ObjectName, sql: string): string {
  return [schema, name, sql].join('\0')
}

/** The objects with `//` where integers are divided. */
export function keepIntegerDivision<T extends Divided>(catalog: T, { written }: Divisions): T {
  const now = (object: ObjectName, sql: string): string => written.get(keyOf(object, sql)) ?? sql
  return {
    ...catalog,
    macros: catalog.macros.map((macro: Macro) => ({ ...macro, definition: now(macro, macro.definition) })),
    tables: catalog.tables.map((table: Table) => withExpressions(table, (sql) => now(table, sql))),
    indexes: catalog.indexes.map((index: Index) => ({ ...index, definition: now(index, index.definition) })),
  }
}

/** Whatever holds a division that may give something else in the target. */
export function divisionWarnings(
  views: Catalog['views'],
  { untold }: Divisions,
  source: string,
  target: string,
): string[] {
  const divided = views
    .filter(({ query }) => divisionsIn(tokenize(query)).length > 0)
    .map((view) => `view ${display(view)}`)
  return [...divided, ...untold].map(
    (what) => `${what} divides with /: ${source} gives whole numbers for integers, ${target} gives fractions`,
  )
}

/** `told`: false when the engine could not say what every division gives. */
async function divide(
  session: Session,
  sql: string,
  from: string,
): Promise<{ readonly sql: string; readonly told: boolean }> {
  const tokens = tokenize(sql)
  let told = true
  const whole: Token[] = []
  for (const division of divisionsIn(tokens)) {
    // Which is NULL of whatever type, also of an INTERVAL, that no `//` takes.
    if (isWord(tokens[tokens.indexOf(division) + 1], 'NULL')) continue
    const type = isBindable(tokens) ? await typeOf(session, around(sql, tokens, division), from) : undefined
    if (type === undefined) told = false
    else if (isIntegerName(type)) whole.push(division)
  }
  return { sql: withWhole(sql, whole), told }
}

/** May a part of it be looked at alone? Not where a name may be that of a lambda's parameter, or another query's column. */
function isBindable(tokens: readonly Token[]): boolean {
  return !tokens.some(
    (token, i) => isWord(token, 'SELECT') || (isSymbol(token, '-') && isSymbol(tokens[i + 1], '>')),
  )
}

/** What stands in the bracket around a token: engines print one around every operation. */
function around(sql: string, tokens: readonly Token[], token: Token): string | undefined {
  const at = tokens.indexOf(token)
  const open = unmatched(tokens.slice(0, at).reverse(), ')', '(')
  const close = unmatched(tokens.slice(at + 1), '(', ')')
  return open && close ? sql.slice(open.end, close.start) : undefined
}

/** The first bracket `closing` that closes nothing behind an `opening` one. */
function unmatched(tokens: readonly Token[], opening: string, closing: string): Token | undefined {
  let depth = 0
  return tokens.find((token) => {
    if (isSymbol(token, opening)) depth++
    return isSymbol(token, closing) && --depth < 0
  })
}

async function typeOf(session: Session, part: string | undefined, from: string): Promise<string | undefined> {
  if (part === undefined) return undefined
  try {
    const rows = await session.query(`DESCRIBE SELECT ${part}${from}`)
    return rows.length === 1 && rows[0] ? text(rows[0], 'column_type') : undefined
  } catch (error) {
    if (error instanceof SqlError) return undefined
    throw error
  }
}

function isInteger(type: DuckType): boolean {
  return type.kind === 'scalar' && isIntegerName(type.name)
}

/** Is there nothing but whole numbers, and columns of them? */
function onlyIntegers(sql: string, { columns }: Table): boolean {
  const integers = new Set(columns.flatMap(({ name, type }) => (isInteger(type) ? [name.toLowerCase()] : [])))
  return tokenize(sql).every(({ kind, text: word }) => {
    if (kind === 'word' || kind === 'quoted') return integers.has(word.toLowerCase())
    return kind === 'number' ? /^\d+$/.test(word) : kind === 'symbol'
  })
}

function asWhole(sql: string): string {
  return withWhole(sql, divisionsIn(tokenize(sql)))
}

function withWhole(sql: string, divisions: readonly Token[]): string {
  return divisions.reduceRight((now, { start, end }) => `${now.slice(0, start)}//${now.slice(end)}`, sql)
}
