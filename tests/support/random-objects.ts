import { ident, literal, qualified } from '../../src/migration/sql/sql.js'
import { Names } from './random-names.js'
import type { RandomColumn } from './random-columns.js'
import type { RandomRelation, RandomTable } from './random-table.js'
import type { Random } from './random.js'

/** Statements that make a sequence and take some numbers from it. */
export function randomSequence(random: Random, name: string): string[] {
  const by = random.pick([1, 1, 3, -2])
  const next = `SELECT nextval(${literal(name)})`
  const take = (most: number): string[] => random.times(0, most, () => next)
  const head = `CREATE SEQUENCE ${name} INCREMENT BY ${by}`
  switch (random.int(0, 3)) {
    case 0:
      return [`${head} MINVALUE -3 MAXVALUE 5 START ${random.int(-3, 5)} CYCLE`, ...take(12)]
    case 1:
      // Its numbers are used up.
      return [`CREATE SEQUENCE ${name} MINVALUE 1 MAXVALUE 3 NO CYCLE`, next, next, next]
    case 2:
      return [
        `${head} MINVALUE -9223372036854775807 MAXVALUE 9223372036854775806 START ${random.int(-1e9, 1e9)}`,
        ...take(3),
      ]
    default:
      return [head, ...take(12)]
  }
}

/** Secondary indexes: unique, of several columns, and on an expression. */
export function randomIndexes(random: Random, names: Names, table: RandomTable): string[] {
  const on = qualified(table.schema, table.name)
  // The indexes of 0.8.1 take no text that holds the character of code 0.
  const indexable = table.columns.filter(
    ({ type }) => type.kind === 'scalar' && type.scalar.key !== undefined && type.scalar.print !== 'text',
  )
  const list = (columns: readonly RandomColumn[]): string => columns.map(({ name }) => ident(name)).join(', ')
  const [first, second] = indexable
  const statements: string[] = []
  const add = (definition: string, unique = ''): void => {
    statements.push(`CREATE ${unique}INDEX ${ident(names.fresh())} ON ${on} (${definition})`)
  }
  if (first && random.chance(0.4)) add(list([random.pick(indexable)]))
  if (first && second && random.chance(0.3)) add(list([second, first]))
  if (table.key && random.chance(0.3)) add(list(table.key.columns), 'UNIQUE ')
  if (first && random.chance(0.2)) add(`(strlen(CAST(${ident(first.name)} AS VARCHAR)) + 1)`)
  return statements
}

/** A view on tables and views. */
export function randomView(
  random: Random,
  name: { schema: string; name: string },
  relations: readonly RandomRelation[],
): RandomRelation & { statement: string } {
  const relation = random.pick(relations)
  const from = qualified(relation.schema, relation.name)
  const create = (
    columns: readonly RandomColumn[],
    query: string,
    aliases = '',
  ): RandomRelation & { statement: string } => ({
    ...name,
    columns,
    statement: `CREATE VIEW ${qualified(name.schema, name.name)}${aliases} AS ${query}`,
  })
  const names = new Names(random)
  const renamed = relation.columns.map((column) => ({ column, name: names.fresh() }))
  const columns = renamed.map(({ column, name: alias }) => ({ ...column, name: alias }))
  const list = renamed.map(({ column, name: alias }) => `${ident(column.name)} AS ${ident(alias)}`).join(', ')
  switch (random.int(0, 3)) {
    case 0:
      return create(relation.columns, `SELECT * FROM ${from}`)
    case 1:
      return create(
        columns,
        `SELECT * FROM ${from}`,
        ` (${columns.map((column) => ident(column.name)).join(', ')})`,
      )
    case 2:
      return create(columns, `SELECT ${list} FROM ${from} AS "t; x" WHERE true OR 'it''s' = '--'`)
    default:
      return create(
        columns,
        `WITH q AS (SELECT * FROM ${from}) SELECT ${list} FROM q UNION ALL SELECT ${list} FROM ${from}`,
      )
  }
}

/** A macro, and queries that call it. */
export function randomMacros(
  random: Random,
  name: string,
  tables: readonly RandomTable[],
): { statement: string; calls: string[] } {
  const names = new Names(random)
  const [p, q] = [ident(names.fresh()), ident(names.fresh())]
  const table = random.pick(tables)
  const from = qualified(table.schema, table.name)
  const value = (call: string): string => `SELECT CAST(${name}${call} AS VARCHAR) AS result`
  const rows = (call: string): string =>
    `SELECT string_agg(CAST(x AS VARCHAR) || ',' || CAST(n AS VARCHAR), ';') AS result FROM ${name}${call}`
  const make = (definition: string, ...calls: string[]): { statement: string; calls: string[] } => ({
    statement: `CREATE MACRO ${name}${definition}`,
    calls,
  })
  switch (random.int(0, 5)) {
    case 0:
      return make(`(${p}) AS ${p} + 1`, value('(41)'))
    case 1:
      return make(`(${p}, ${q} := 5) AS (${p} * ${q}) - 1`, value('(3)'), value(`(3, ${q} := 7)`))
    case 2:
      return make(
        `(${p}, ${q} := 'it''s; x') AS ${p} || ${q} || 'a ''; b'`,
        value(`('a')`),
        value(`('a', ${q} := 'b')`),
      )
    case 3:
      return make(`() AS 42`, value('()'))
    case 4:
      return make(`(${p}) AS (SELECT count(*) FROM ${from}) + ${p}`, value('(1)'))
    default:
      return make(`(${p}) AS TABLE SELECT ${p} AS x, count(*) AS n FROM ${from}`, rows('(1)'))
  }
}
