import { DuckfleetError } from '../../errors.js'
import type { Constraint, ObjectName, Table } from './catalog.js'
import { list, optionalText, text } from '../sql/row.js'
import type { Row } from '../sql/session.js'
import { closingBracket, isSymbol, isWord, tokenize } from '../sql/sql.js'

/**
 * Expressions of generated columns, by position, from the CREATE TABLE that the catalog prints: no catalog
 * function up to 0.8 gives them. `types`: those of all columns, as the catalog prints them.
 */
export function generatedExpressions(sql: string, types: readonly string[]): ReadonlyMap<number, string> {
  const found = new Map<number, string>()
  if (!/generated/i.test(sql)) return found
  const open = tokenize(sql).find((token) => isSymbol(token, '('))
  if (!open) return found
  let at = open.end
  for (const [position, type] of types.entries()) {
    at = nameEnd(sql, at)
    // A type is known, and cannot be read: up to 0.8 names inside it may have no quotes, but brackets and commas.
    if (sql.startsWith(type, at)) at += type.length
    const end = definitionEnd(sql, at)
    const expression = generatedExpression(sql.slice(at, end))
    if (expression !== undefined) found.set(position, expression)
    at = end + 1
  }
  return found
}

/** Offset of what follows the column name at `from`. */
function nameEnd(sql: string, from: number): number {
  const name = /\s*(?:"(?:[^"]|"")*"|[^\s"]+)\s+/y
  name.lastIndex = from
  return name.test(sql) ? name.lastIndex : from
}

/** Offset of the comma or bracket that ends the column definition at `from`. */
function definitionEnd(sql: string, from: number): number {
  const marks = /'(?:[^']|'')*'|"(?:[^"]|"")*"|[()[\]{},]/g
  marks.lastIndex = from
  let depth = 0
  for (let match = marks.exec(sql); match !== null; match = marks.exec(sql)) {
    const [mark] = match
    if ('([{'.includes(mark)) depth++
    else if (depth === 0 && ',)'.includes(mark)) return match.index
    else if (')]}'.includes(mark)) depth--
  }
  return sql.length
}

function generatedExpression(definition: string): string | undefined {
  const tokens = tokenize(definition)
  const at = tokens.findIndex(
    (token, i) =>
      isWord(token, 'GENERATED') && isWord(tokens[i + 1], 'ALWAYS') && isWord(tokens[i + 2], 'AS'),
  )
  const open = at < 0 ? undefined : tokens[at + 3]
  const close = open && closingBracket(definition, open.start)
  return open && close !== undefined ? definition.slice(open.end, close - 1) : undefined
}

/** A table that a foreign key may refer to. */
export type KeyedTable = Pick<Table, 'schema' | 'name' | 'columns'> & {
  readonly keys: readonly (readonly string[])[]
}

/** Tells whether every row of the table has its parent under this reference. */
export type Fits = (columns: readonly string[], reference: Reference) => Promise<boolean>

/**
 * Constraints other than NOT NULL, from rows of `duckdb_constraints()` in their order.
 * The text of a foreign key quotes nothing, so the referenced key is found by rendering every key there is in the
 * same way. That of a self-reference is empty: its key is inferred from the types, and from the rows.
 * @throws DuckfleetError `unsupported` when a foreign key cannot be told.
 */
export async function readConstraints(
  rows: readonly Row[],
  table: KeyedTable,
  tables: readonly KeyedTable[],
  fits: Fits,
  warn: (text: string) => void,
): Promise<Constraint[]> {
  const constraints: Constraint[] = []
  for (const row of rows) {
    const columns = list(row, 'columns')
    const kind = text(row, 'type')
    const definition = text(row, 'definition')
    if (kind === 'NOT NULL') continue
    if (kind === 'PRIMARY KEY') constraints.push({ kind: 'primary-key', columns })
    else if (kind === 'UNIQUE') constraints.push({ kind: 'unique', columns })
    else if (kind === 'CHECK')
      constraints.push({
        kind: 'check',
        expression: optionalText(row, 'expression') ?? checkExpression(definition),
      })
    else if (kind === 'FOREIGN KEY') {
      const matches =
        definition === ''
          ? await fitting(selfReferences(columns, table), columns, fits)
          : tables.flatMap((parent) => matchParent(definition, columns, parent))
      const match = only(matches, columns, table, definition === '' ? warn : undefined)
      constraints.push({ kind: 'foreign-key', columns, ...match })
    } else
      throw new DuckfleetError(
        'unsupported',
        `table ${table.name} has a constraint of an unknown kind: ${kind}`,
      )
  }
  return constraints
}

async function fitting(
  candidates: Reference[],
  columns: readonly string[],
  fits: Fits,
): Promise<Reference[]> {
  if (candidates.length < 2) return candidates
  const found: Reference[] = []
  for (const candidate of candidates) if (await fits(columns, candidate)) found.push(candidate)
  return found
}

/** The one reference that is possible; with `warn`, the first of several, which its owner is told. */
function only(
  matches: readonly Reference[],
  columns: readonly string[],
  table: KeyedTable,
  warn: ((text: string) => void) | undefined,
): Reference {
  const [match] = matches
  const what = `${table.schema}.${table.name}: foreign key (${columns.join(', ')})`
  if (match === undefined || (matches.length > 1 && warn === undefined))
    throw new DuckfleetError('unsupported', `table ${what}: cannot tell what it refers to`)
  if (matches.length > 1)
    warn?.(
      `table ${what} refers to another column of the same table, and no release before 0.9 tells which; taken: (${match.referenced.join(', ')})`,
    )
  return match
}

function checkExpression(definition: string): string {
  return definition.replace(/^CHECK\s*\(/i, '').replace(/\)\s*$/, '')
}

interface Reference {
  readonly references: ObjectName
  readonly referenced: readonly string[]
}

function matchParent(definition: string, columns: readonly string[], parent: KeyedTable): Reference[] {
  const prefix = parent.schema === 'main' ? ['', 'main.'] : [`${parent.schema}.`]
  return parent.keys.flatMap((key) =>
    orderings(key)
      .filter((order) =>
        prefix.some(
          (schema) =>
            unquoted(definition) ===
            unquoted(
              `FOREIGN KEY (${columns.join(', ')}) REFERENCES ${schema}${parent.name}(${order.join(', ')})`,
            ),
        ),
      )
      .map((order) => ({ references: { schema: parent.schema, name: parent.name }, referenced: order })),
  )
}

function selfReferences(columns: readonly string[], table: KeyedTable): Reference[] {
  const typeOf = (name: string): string =>
    JSON.stringify(table.columns.find((column) => column.name.toLowerCase() === name.toLowerCase())?.type)
  return table.keys
    .filter(
      (key) => key.length === columns.length && key.join().toLowerCase() !== columns.join().toLowerCase(),
    )
    .filter((key) => key.every((name, i) => typeOf(name) === typeOf(columns[i] ?? '')))
    .map((key) => ({ references: { schema: table.schema, name: table.name }, referenced: key }))
}

/** What is printed is what was written: names of any case, and with quotes or without. */
function unquoted(text: string): string {
  return text.replaceAll('"', '').toLowerCase()
}

/** All orders of a key's columns; keys of more than four columns only as they are. */
function orderings(key: readonly string[]): readonly (readonly string[])[] {
  if (key.length < 2 || key.length > 4) return [key]
  return key.flatMap((first, i) => orderings(key.filter((_, j) => j !== i)).map((rest) => [first, ...rest]))
}
