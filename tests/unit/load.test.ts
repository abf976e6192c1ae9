import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Load, loadTable } from '../../src/migration/rows/load.js'
import { type Row, type Session, SqlError } from '../../src/migration/sql/session.js'

/*
 * Tables that refer to themselves: no engine takes a row and its parent in one statement.
 */

let instance: DuckDBInstance
let connection: DuckDBConnection
let statements: string[]

beforeEach(async () => {
  instance = await DuckDBInstance.create(':memory:')
  connection = await instance.connect()
  statements = []
})
afterEach(() => {
  connection.closeSync()
  instance.closeSync()
})

const target: Session = {
  release: '1.5.6',
  async query(sql) {
    statements.push(sql)
    try {
      return (await connection.runAndReadAll(sql)).getRowObjectsJson() as Row[]
    } catch (error) {
      throw new SqlError(error instanceof Error ? error.message : String(error), sql)
    }
  },
}

/** Loads rows into `name(id, up → id, more…)`, and gives what the table holds then, in its order. */
async function loaded(name: string, more: readonly string[], rows: readonly string[]): Promise<unknown[]> {
  const columns = ['id', 'up', ...more]
  const list = columns.map((column) => `"${column}"`).join(', ')
  const types = more.map(
    (column) => `, "${column}" ${column.length === 1 ? 'STRUCT(id INTEGER, up INTEGER)' : 'INTEGER'}`,
  )
  await target.query(
    `CREATE TABLE ${name} (id INTEGER PRIMARY KEY, up INTEGER REFERENCES ${name} (id)${types.join('')})`,
  )
  const load: Load = {
    table: { schema: 'main', name },
    into: `main.${name}`,
    columns,
    rows: `SELECT * FROM (VALUES ${rows.join(', ')}) v (${list})`,
    constraints: [
      { kind: 'foreign-key', columns: ['up'], references: { schema: 'main', name }, referenced: ['id'] },
      { kind: 'primary-key', columns: ['id'] },
    ],
  }
  statements = []
  await loadTable(target, load)
  return (await target.query(`SELECT id FROM main.${name}`)).map(({ id }) => id)
}

it('keep the order of their rows', async () => {
  expect(await loaded('t', [], ['(10, NULL)', '(5, 10)', '(7, NULL)', '(2, 5)', '(1, 5)'])).toEqual([
    10, 5, 7, 2, 1,
  ])
  expect(statements.filter((sql) => sql.startsWith('INSERT'))).toHaveLength(1 + 3)
})

it('are loaded parents first where a parent comes after its child', async () => {
  expect(await loaded('t', [], ['(5, 10)', '(10, NULL)', '(7, 10)'])).toEqual([10, 5, 7])
})

it('that refer to each other in a circle are refused', async () => {
  await expect(loaded('t', [], ['(1, 2)', '(2, 1)', '(3, NULL)'])).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringContaining('2 rows refer to each other in a circle') as string,
  })
})

it.each([
  ['duckfleet_waiting', []],
  ['duckfleet_level', []],
  ['t', ['duckfleet_row', 'Duckfleet_Row_', 'duckfleet_child', 'duckfleet_parent']],
  ['duckfleet_row', ['duckfleet_waiting']],
])('may have any name: %s %j', async (name, more) => {
  const rest = more.map(() => ', 7').join('')
  const rows = [`(3, NULL${rest})`, `(2, 3${rest})`, `(1, 2${rest})`]
  expect(await loaded(name, more, rows)).toEqual([3, 2, 1])
  expect(await loaded(`${name}_2`, more, rows.toReversed())).toEqual([3, 2, 1])
})

it('may have columns that look like aliases of tables', async () => {
  const rows = [3, 2, 1].map(
    (id) => `(${id}, ${id === 3 ? 'NULL' : id + 1}, {'id': 9, 'up': 9}, {'id': 9, 'up': 9})`,
  )
  expect(await loaded('t', ['w', 'p'], rows)).toEqual([3, 2, 1])
})

it('leave nothing behind when another parent is missing, and are loaded once it is there', async () => {
  await target.query('CREATE TABLE other (id INTEGER PRIMARY KEY)')
  await target.query('INSERT INTO other VALUES (1)')
  await target.query(
    'CREATE TABLE t (id INTEGER PRIMARY KEY, up INTEGER REFERENCES t (id), o INTEGER REFERENCES other (id))',
  )
  const key = { kind: 'foreign-key', columns: ['up'], referenced: ['id'] } as const
  const load: Load = {
    table: { schema: 'main', name: 't' },
    into: 'main.t',
    columns: ['id', 'up', 'o'],
    rows: 'SELECT * FROM (VALUES (1, NULL, 1), (2, 1, 2), (3, 2, 2)) v (id, up, o)',
    constraints: [{ ...key, references: { schema: 'main', name: 't' } }],
  }
  for (const rows of [load.rows, `${load.rows} ORDER BY id DESC`]) {
    await expect(loadTable(target, { ...load, rows })).rejects.toThrow('foreign key')
    expect(await target.query('SELECT id FROM t')).toEqual([])
  }
  await target.query('INSERT INTO other VALUES (2)')
  await loadTable(target, load)
  expect(await target.query('SELECT id FROM t')).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
})
