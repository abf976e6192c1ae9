import type { Column, Constraint, Index, Macro, Sequence, Table, UserType, View } from '../catalog/catalog.js'
import { ident, literal, qualified } from '../sql/sql.js'
import { renderNewEnum, renderType } from '../sql/types.js'

/*
 * CREATE statements, built from the catalog with every name quoted. What old releases print themselves is not
 * used: it leaves quotes, collations and whole constraints out.
 */

export function createSchema(schema: string): string {
  return `CREATE SCHEMA ${ident(schema)}`
}

export function createType({ schema, name, type }: UserType): string {
  const definition = type.kind === 'enum' ? renderNewEnum(type.labels) : renderType(type)
  return `CREATE TYPE ${qualified(schema, name)} AS ${definition}`
}

/** Statements that make the sequence and bring it to its next value. */
export function createSequence(sequence: Sequence): string[] {
  const { schema, name, next, increment, min, max, cycle } = sequence
  const last = BigInt(increment) > 0n ? max : min
  const create =
    `CREATE SEQUENCE ${qualified(schema, name)} INCREMENT BY ${increment} MINVALUE ${min} MAXVALUE ${max} ` +
    `START ${next ?? last} ${cycle ? 'CYCLE' : 'NO CYCLE'}`
  // No START gives an exhausted sequence: its last value is taken instead, unless none can be: an engine refuses the
  // value after which it could not count on.
  const advance = `SELECT nextval(${literal(qualified(schema, name))})`
  const after = BigInt(last) + BigInt(increment)
  return next === undefined && after === BigInt.asIntN(64, after) ? [create, advance] : [create]
}

export function createMacro({ schema, name, definition }: Macro): string {
  return `CREATE MACRO ${qualified(schema, name)}${definition}`
}

export function createTable(table: Table): string {
  const parts = [...table.columns.map(columnDefinition), ...table.constraints.map(constraintDefinition)]
  return `CREATE TABLE ${qualified(table.schema, table.name)} (${parts.join(', ')})`
}

function columnDefinition(column: Column): string {
  const head = `${ident(column.name)} ${renderType(column.type)}`
  if (column.generated !== undefined) return `${head} GENERATED ALWAYS AS (${column.generated}) VIRTUAL`
  const collation = column.collation === undefined ? '' : ` COLLATE ${column.collation}`
  const value = column.default === undefined ? '' : ` DEFAULT (${column.default})`
  return `${head}${collation}${value}${column.nullable ? '' : ' NOT NULL'}`
}

function constraintDefinition(constraint: Constraint): string {
  switch (constraint.kind) {
    case 'primary-key':
      return `PRIMARY KEY (${names(constraint.columns)})`
    case 'unique':
      return `UNIQUE (${names(constraint.columns)})`
    case 'check':
      return `CHECK (${constraint.expression})`
    case 'foreign-key': {
      const { schema, name } = constraint.references
      return `FOREIGN KEY (${names(constraint.columns)}) REFERENCES ${qualified(schema, name)} (${names(constraint.referenced)})`
    }
    default:
      return constraint satisfies never
  }
}

/** Names with their quotes, between commas. */
export function names(columns: readonly string[]): string {
  return columns.map(ident).join(', ')
}

export function createIndex(index: Index): string {
  const unique = index.unique ? 'UNIQUE ' : ''
  return `CREATE ${unique}INDEX ${ident(index.name)} ON ${qualified(index.schema, index.table)} ${index.definition}`
}

export function createView({ schema, name, aliases, query }: View): string {
  return `CREATE VIEW ${qualified(schema, name)} ${aliases}${aliases === '' ? '' : ' '}AS ${query}`
}
