import { ident, qualified } from '../../src/migration/sql/sql.js'
import { canonical } from './canonical.js'
import type { TestDatabase } from './database.js'
import type { Dialect } from './random-dialect.js'
import type { RandomSchema } from './random-schema.js'
import type { RandomRelation, RandomTable } from './random-table.js'
import { typeSql } from './random-type.js'

/** Everything that can be read from a database, by what it is, in a form that every release gives alike. */
export type Snapshot = ReadonlyMap<string, readonly string[]>

const HERE = 'database_name = current_database()'

/** Facts that every release lists alike. */
const CATALOG: Readonly<Record<string, string>> = {
  schemas: `SELECT schema_name AS f FROM duckdb_schemas() WHERE NOT internal AND ${HERE}`,
  columns: `SELECT schema_name || '|' || table_name || '|' || column_index || '|' || column_name || '|' || is_nullable AS f FROM duckdb_columns() WHERE NOT internal AND ${HERE}`,
  constraints: `SELECT schema_name || '|' || table_name || '|' || constraint_type || '|' || CASE WHEN constraint_type = 'CHECK' THEN '' ELSE list_aggr(constraint_column_names, 'string_agg', '|') END AS f FROM duckdb_constraints() WHERE constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY', 'CHECK') AND ${HERE}`,
  indexes: `SELECT schema_name || '|' || index_name || '|' || table_name || '|' || is_unique AS f FROM duckdb_indexes() WHERE ${HERE}`,
  sequences: `SELECT schema_name || '|' || sequence_name || '|' || increment_by || '|' || min_value || '|' || max_value || '|' || cycle AS f FROM duckdb_sequences() WHERE ${HERE}`,
  views: `SELECT schema_name || '|' || view_name AS f FROM duckdb_views() WHERE NOT internal AND ${HERE}`,
  macros: `SELECT DISTINCT schema_name || '|' || function_name || '|' || coalesce(list_aggr(parameters, 'string_agg', '|'), '') AS f FROM duckdb_functions() WHERE function_type IN ('macro', 'table_macro') AND NOT internal AND ${HERE}`,
}

/** Reads all of it. The database must be open for writing: what a sequence gives next is asked last. */
export async function takeSnapshot(
  database: TestDatabase,
  schemas: readonly RandomSchema[],
  dialect: Dialect,
): Promise<Snapshot> {
  const facts = new Map<string, readonly string[]>()
  for (const [kind, sql] of Object.entries(CATALOG)) {
    // 0.6 lists its own macros among all others.
    if (dialect !== '0.6') facts.set(kind, (await texts(database, sql)).sort())
    else if (kind !== 'macros') facts.set(kind, (await texts(database, sql.replace(HERE, 'true'))).sort())
  }
  for (const schema of schemas) {
    for (const table of schema.tables) {
      const name = `schema ${schema.seed}, table ${table.schema}.${table.name}`
      facts.set(`${name}: rows`, await rows(database, table, table.ordered, dialect === '0.6'))
      facts.set(`${name}: collations`, await collations(database, table))
      facts.set(`${name}: defaults`, await defaults(database, table, dialect === '0.6' ? 'true' : HERE))
    }
    for (const view of schema.views)
      facts.set(
        `schema ${schema.seed}, view ${view.schema}.${view.name}: rows`,
        await rows(database, view, false, false),
      )
    for (const call of schema.calls) facts.set(`schema ${schema.seed}: ${call}`, await texts(database, call))
    for (const name of schema.sequences) {
      const next = `SELECT CAST(nextval('${name.replaceAll("'", "''")}') AS VARCHAR) AS f`
      facts.set(`schema ${schema.seed}: sequence ${name}`, await orExhausted(texts(database, next)))
    }
  }
  return facts
}

async function texts(database: TestDatabase, sql: string): Promise<string[]> {
  return (await database.query(sql)).map((row) => Object.values(row).map(String).join(' | '))
}

async function orExhausted(result: Promise<string[]>): Promise<string[]> {
  try {
    return await result
  } catch (error) {
    if (error instanceof Error && /reached m\w+ value/.test(error.message)) return ['exhausted']
    throw error
  }
}

/** `gathered`: 0.6 looks into the wrong map where rows are deleted, unless all are copied before. */
async function rows(
  database: TestDatabase,
  relation: RandomRelation,
  ordered: boolean,
  gathered: boolean,
): Promise<string[]> {
  const values = relation.columns.map(
    ({ name, type }, i) => `${canonical(type, `q.${ident(name)}`)} AS c${i}`,
  )
  const order = ordered && !gathered ? ' ORDER BY q.rowid' : ''
  const name = qualified(relation.schema, relation.name)
  const from = gathered ? `(SELECT * FROM ${name} ORDER BY rowid)` : name
  const lines = await texts(database, `SELECT ${values.join(', ')} FROM ${from} AS q${order}`)
  return ordered ? lines : lines.sort()
}

/** What text columns think of other spellings; what is generated from them has their collation in 1.x only. */
async function collations(database: TestDatabase, table: RandomTable): Promise<string[]> {
  const columns = table.texts
  if (columns.length === 0) return []
  const list = columns.map(({ name }) => ident(name)).join(', ')
  const letters = columns.map(() => `'A'`).join(', ')
  const tests = columns.flatMap(({ name }) => ['a', 'Á', 'á'].map((other) => `q.${ident(name)} = '${other}'`))
  const from = `SELECT ${list} FROM ${qualified(table.schema, table.name)} WHERE false UNION ALL SELECT ${letters}`
  return await texts(
    database,
    `SELECT ${tests.map((test, i) => `CAST(${test} AS VARCHAR) AS t${i}`).join(', ')} FROM (${from}) AS q`,
  )
}

/** The values that defaults give. */
async function defaults(database: TestDatabase, table: RandomTable, here: string): Promise<string[]> {
  const found: string[] = []
  for (const column of table.defaults) {
    const at = [table.schema, table.name, column.name].map((name) => `'${name.replaceAll("'", "''")}'`)
    const [expression = ''] = await texts(
      database,
      `SELECT column_default AS f FROM duckdb_columns() WHERE ${here} AND schema_name = ${at[0] ?? ''} AND table_name = ${at[1] ?? ''} AND column_name = ${at[2] ?? ''}`,
    )
    const value = `CAST((${expression}) AS ${typeSql(column.type)})`
    found.push(
      ...(await texts(
        database,
        `SELECT ${canonical(column.type, 'q.v')} AS f FROM (SELECT ${value} AS v) AS q`,
      )),
    )
  }
  return found
}
