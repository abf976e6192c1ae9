import { DuckfleetError } from '../errors.js'
import type { Constraint, ObjectName, Table } from './catalog.js'
import { list, optionalText, text } from './rows.js'
import type { Row } from './session.js'
import { closingBracket, isSymbol, isWord, splitList, tokenize } from './sql.js'

/**
 * Expressions of generated columns, by position, from the CREATE TABLE that the catalog prints: no catalog
 * function up to 0.8 gives them.
 */
export function generatedExpressions(sql: string, columnCount: number): ReadonlyMap<number, string> {
  const found = new Map<number, string>()
  if (!/generated/i.test(sql)) return found
  const open = tokenize(sql).find((token) => isSymbol(token, '('))
  const close = open && closingBracket(sql, open.start)
  if (!open || close === undefined) return found
  const definitions = splitList(sql.slice(open.end, close - 1)).slice(0, columnCount)
  definitions.forEach((definition, position) => {
    const expression = generatedExpression(definition)
    if (expression !== undefined) found.set(position, expression)
  })
  return found
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

/**
 * Constraints other than NOT NULL, from rows of `duckdb_constraints()` in their order.
 * The text of a foreign key quotes nothing, so the referenced key is found by rendering every key there is in the
 * same way. That of a self-reference is empty: its key is inferred.
 * @throws DuckfleetError `unsupported` when a foreign key cannot be told.
 */
export function readConstraints(
  rows: readonly Row[],
  table: KeyedTable,
  tables: readonly KeyedTable[],
): Constraint[] {
  return rows.flatMap((row): Constraint[] => {
    const columns = list(row, 'columns')
    switch (text(row, 'type')) {
      case 'PRIMARY KEY':
        return [{ kind: 'primary-key', columns }]
      case 'UNIQUE':
        return [{ kind: 'unique', columns }]
      case 'CHECK':
        return [
          {
            kind: 'check',
            expression: optionalText(row, 'expression') ?? checkExpression(text(row, 'definition')),
          },
        ]
      case 'FOREIGN KEY':
        return [
          { kind: 'foreign-key', columns, ...referenced(text(row, 'definition'), columns, table, tables) },
        ]
      case 'NOT NULL':
        return []
      default:
        throw new DuckfleetError(
          'unsupported',
          `table ${table.name} has a constraint of a kind that is not known: ${text(row, 'type')}`,
        )
    }
  })
}

function checkExpression(definition: string): string {
  return definition.replace(/^CHECK\s*\(/i, '').replace(/\)\s*$/, '')
}

interface Reference {
  readonly references: ObjectName
  readonly referenced: readonly string[]
}

function referenced(
  definition: string,
  columns: readonly string[],
  table: KeyedTable,
  tables: readonly KeyedTable[],
): Reference {
  const matches =
    definition === ''
      ? selfReferences(columns, table)
      : tables.flatMap((parent) => matchParent(definition, columns, parent))
  const [match] = matches
  if (match === undefined || (definition !== '' && matches.length > 1))
    throw new DuckfleetError(
      'unsupported',
      `table ${table.schema}.${table.name}: cannot tell what its foreign key (${columns.join(', ')}) refers to`,
    )
  return match
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
    JSON.stringify(table.columns.find((column) => column.name === name)?.type)
  return table.keys
    .filter((key) => key.length === columns.length && key.join() !== columns.join())
    .filter((key) => key.every((name, i) => typeOf(name) === typeOf(columns[i] ?? '')))
    .map((key) => ({ references: { schema: table.schema, name: table.name }, referenced: key }))
}

function unquoted(text: string): string {
  return text.replaceAll('"', '')
}

/** All orders of a key's columns; keys of more than four columns only as they are. */
function orderings(key: readonly string[]): readonly (readonly string[])[] {
  if (key.length < 2 || key.length > 4) return [key]
  return key.flatMap((first, i) => orderings(key.filter((_, j) => j !== i)).map((rest) => [first, ...rest]))
}
