import { expect, it } from 'vitest'
import { checkLookups, type TypedColumn } from '../../src/migration/verify/lookups.js'
import type { Session } from '../../src/migration/sql/session.js'
import { openTarget } from '../support/target-session.js'

/** What the engine did for the last question of {@link checkLookups}: its profile, as text. */
async function profileOf(column: TypedColumn, statements: readonly string[]): Promise<string> {
  const target = await openTarget()
  for (const statement of statements) await target.query(statement)
  const asked: string[] = []
  const session: Session = {
    release: target.release,
    query: (sql) => {
      asked.push(sql)
      return target.query(sql)
    },
  }
  await checkLookups(session, [{ what: 'it', table: { schema: 'main', name: 't' }, columns: [column] }])
  return JSON.stringify(await target.query(`EXPLAIN ANALYZE ${asked.at(-1) ?? ''}`))
}

it.each([
  ['a key', 'BIGINT', ['CREATE TABLE t (a BIGINT PRIMARY KEY)', 'INSERT INTO t FROM range(50000)']],
  [
    'an index',
    'VARCHAR',
    ['CREATE TABLE t AS SELECT CAST(range AS VARCHAR) AS a FROM range(50000)', 'CREATE INDEX i ON t (a)'],
  ],
  [
    'an index with NULLs',
    'DOUBLE',
    ['CREATE TABLE t AS SELECT nullif(range, 7)::DOUBLE AS a FROM range(50000)', 'CREATE INDEX i ON t (a)'],
  ],
])('%s is compared with a scan that does not use it', async (_, type, statements) => {
  const profile = await profileOf({ name: 'a', type }, statements)
  expect(profile.match(/(Index|Sequential) Scan/g)?.sort()).toEqual(['Index Scan', 'Sequential Scan'])
})
