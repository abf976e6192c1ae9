import { DuckfleetError } from '../../errors.js'
import { type Catalog, display, type ObjectName, type Table } from './catalog.js'
import { type Session, SqlError } from '../sql/session.js'
import { closingBracket, ident, isSymbol, isWord, qualified, splitList, tokenize } from '../sql/sql.js'

/*
 * Generated columns hold no value of their own: their expressions are carried, and what they give is compared. Some give
 * another value at each look, and some the source engine cannot compute: those are left out, and reported.
 */

/** Generated columns that are not compared, each with the reason; by {@link columnKey}. */
export type Incomparable = ReadonlyMap<string, string>

export function columnKey({ schema, name }: ObjectName, column: string): string {
  return [schema, name, column].join('\0')
}

/** A generated column with its expression. */
interface Generated {
  readonly table: ObjectName
  readonly column: string
  readonly expression: string
}

/** Those that give another value at each look. */
export function volatileColumns(
  columns: readonly Generated[],
  macros: readonly { readonly name: string; readonly definition: string }[],
): Map<string, string> {
  const names = macrosThat(isVolatile, macros)
  return new Map(
    columns.flatMap(({ table, column, expression }): [string, string][] =>
      isVolatile(expression, names)
        ? [[columnKey(table, column), 'it gives another value at each look']]
        : [],
    ),
  )
}

/** Of a file of 0.4 – 0.8: also those that its engine, which may know no time zones, computes otherwise or not at all. */
export async function incomparableColumns(
  session: Session,
  { tables, macros }: Pick<Catalog, 'tables' | 'macros'>,
): Promise<Incomparable> {
  const all = tables.flatMap((table) =>
    table.columns.flatMap(({ name, generated }): (Generated & { readonly table: Table })[] =>
      generated === undefined ? [] : [{ table, column: name, expression: generated }],
    ),
  )
  refuseCounting(all)
  const found = volatileColumns(all, macros)
  const inexact = macrosThat(isInexact, macros)
  for (const { table, column, expression } of all) {
    const key = columnKey(table, column)
    if (!found.has(key) && isInexact(expression, inexact))
      found.set(key, 'the last digit of a logarithm, a power or a sine depends on the machine')
    if (found.has(key)) continue
    const zoned = table.columns.some(({ type }) => JSON.stringify(type).includes('WITH TIME ZONE'))
    const complaint = await complaintOf(session, table, column, zoned)
    if (complaint !== undefined)
      found.set(key, `the engine that reads the file cannot compute it: ${complaint}`)
  }
  return found
}

/** Loading a row computes its generated columns: the sequence would not be where it was. */
function refuseCounting(columns: readonly Generated[]): void {
  const found = columns.find(({ expression }) => calls(expression, 'nextval'))
  if (found)
    throw new DuckfleetError(
      'unsupported',
      `generated column ${display(found.table)}.${found.column} calls nextval, so that looking at it changes the sequence: ` +
        'drop the column, with the release that wrote the file, or make it one with a DEFAULT',
    )
}

function calls(sql: string, name: string): boolean {
  const tokens = tokenize(sql)
  return tokens.some(
    ({ kind, text }, i) => kind !== 'string' && text.toLowerCase() === name && isSymbol(tokens[i + 1], '('),
  )
}

/** One for each column, in words. */
export function notCompared(columns: Incomparable): string[] {
  return [...columns].map(([key, why]) => {
    const [schema = '', name = '', column = ''] = key.split('\0')
    return `generated column ${display({ schema, name })}.${column} is carried, but its values were not compared: ${why}`
  })
}

async function complaintOf(
  session: Session,
  { schema, name }: ObjectName,
  column: string,
  everyValue: boolean,
): Promise<string | undefined> {
  try {
    const relation = qualified(schema, name)
    // Counted in a way that no engine takes from its statistics; and never handed over: a UNION breaks some engines.
    const query = everyValue
      ? `SELECT count(hash(${ident(column)})) AS n FROM ${relation}`
      : `SELECT count(*) AS n FROM (SELECT ${ident(column)} FROM ${relation} LIMIT 0) q`
    await session.query(query)
    return undefined
  } catch (error) {
    // Without the list of what could be called instead.
    if (error instanceof SqlError) return error.message.split(/\.? (?:You might need|To install)/, 1)[0]
    throw error
  }
}

const VOLATILE =
  /^(?:random|uuid|gen_random_uuid|nextval|currval|now|today|get_current_time(?:stamp)?|current_(?:time|timestamp|date|localtime|localtimestamp)|transaction_timestamp|statement_timestamp|clock_timestamp|txid_current|current_setting|version|uuidv[47])$/i
/** Some releases print these without brackets, and let no column have their names unless it is quoted. */
const BARE = /^current_(?:time|timestamp|date|localtime|localtimestamp)$/i

function isVolatile(sql: string, macros: ReadonlySet<string>): boolean {
  const tokens = tokenize(sql)
  return tokens.some((token, i) => {
    const open = tokens[i + 1]
    if (token.kind === 'word' && BARE.test(token.text)) return true
    if (!(token.kind === 'word' || token.kind === 'quoted') || !open || !isSymbol(open, '(')) return false
    // Of one argument it counts to the present day.
    if (isWord(token, 'AGE')) {
      const end = closingBracket(sql, open.start)
      return end === undefined || splitList(sql.slice(open.end, end - 1)).length === 1
    }
    return VOLATILE.test(token.text) || macros.has(token.text.toLowerCase())
  })
}

/** Functions that C libraries compute, and not alike: that of a WebAssembly engine is another than the target's. */
const INEXACT = /^(?:a?cos|a?sin|a?tan|atan2|cot|cbrt|exp|gamma|lgamma|ln|log|log2|log10|pow|power)$/i

function isInexact(sql: string, macros: ReadonlySet<string>): boolean {
  const tokens = tokenize(sql)
  return tokens.some((token, i) => {
    const next = tokens[i + 1]
    if (isSymbol(token, '^') || (isSymbol(token, '*') && isSymbol(next, '*'))) return true
    if (!(token.kind === 'word' || token.kind === 'quoted') || !isSymbol(next, '(')) return false
    return INEXACT.test(token.text) || macros.has(token.text.toLowerCase())
  })
}

/** Names, in lower case, of macros of which this is true, as it is of what they call. */
function macrosThat(
  is: (sql: string, macros: ReadonlySet<string>) => boolean,
  macros: readonly { readonly name: string; readonly definition: string }[],
): Set<string> {
  const found = new Set<string>()
  for (let size = -1; size < found.size;) {
    size = found.size
    for (const { name, definition } of macros) if (is(definition, found)) found.add(name.toLowerCase())
  }
  return found
}
