import { expect, it } from 'vitest'
import { readColumnRows } from '../../src/migration/catalog/column-rows.js'
import { type Row, SqlError } from '../../src/migration/sql/session.js'

/** A session that notes which function it was asked for, and refuses `pragma_table_info` when told to. */
function engine(release: string, refuses = false) {
  const asked: string[] = []
  const query = (sql: string): Promise<readonly Row[]> => {
    const name = /duckdb_columns|pragma_table_info/.exec(sql)?.[0] ?? sql
    asked.push(name)
    if (name === 'duckdb_columns')
      return Promise.resolve([{ schema_name: 'main', table_name: 't', column_name: 'a' }])
    if (refuses) return Promise.reject(new SqlError('Catalog Error: no such table', sql))
    return Promise.resolve([{ relation: 0, cid: 0, column_name: 'a' }])
  }
  return { release, asked, query }
}

it('asks few relations one by one', async () => {
  const session = engine('0.8.1')
  const rows = await readColumnRows(session, '', ['main\0t'])
  expect(session.asked).toEqual(['pragma_table_info'])
  expect(rows.get('main\0t')).toMatchObject([{ schema_name: 'main', table_name: 't', column_name: 'a' }])
})

it('asks nothing where there is nothing', async () => {
  const session = engine('0.6.1')
  expect((await readColumnRows(session, '', [])).size).toBe(0)
  expect(session.asked).toEqual([])
})

it.each([
  ['many relations', '0.8.1', Array.from({ length: 25 }, (_, i) => `main\0t${i}`)],
  ['a name with quotes', '0.8.1', ['main\0a"b']],
  ['an older engine', '0.5.1', ['main\0t']],
])('lists all columns for %s', async (_, release, relations) => {
  const session = engine(release)
  expect((await readColumnRows(session, '', relations)).has('main\0t')).toBe(true)
  expect(session.asked).toEqual(['duckdb_columns'])
})

it('lists all columns where a relation is not found by its name', async () => {
  const session = engine('0.7.1', true)
  expect((await readColumnRows(session, '', ['main\0t'])).has('main\0t')).toBe(true)
  expect(session.asked).toEqual(['pragma_table_info', 'duckdb_columns'])
})
