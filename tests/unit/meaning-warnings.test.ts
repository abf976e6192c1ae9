import { expect, it } from 'vitest'
import type { Catalog, Column } from '../../src/migration/catalog.js'
import { CHANGES, meaningWarnings } from '../../src/migration/meaning-warnings.js'
import { tokenize } from '../../src/migration/sql.js'
import type { ScalarName } from '../../src/migration/types.js'
import { EMPTY_CATALOG } from '../support/empty-catalog.js'

const column = (name: string, type: ScalarName): Column => ({
  name,
  type: { kind: 'scalar', name: type },
  nullable: true,
  default: undefined,
  generated: undefined,
  collation: undefined,
})

function withView(query: string): Catalog {
  const columns = [column('d', 'DATE'), column('f', 'DOUBLE'), column('t', 'TIMESTAMP')]
  return {
    ...EMPTY_CATALOG,
    tables: [{ schema: 'main', name: 't', columns, constraints: [] }],
    views: [{ schema: 'main', name: 'v', aliases: '', query, columns: [], recorded: [] }],
  }
}

/** A target that says of everything that it is not as it was. */
const TARGET = { release: '1.5.6', query: () => Promise.resolve([{ answer: 'false' }]) }

it.each([
  ['SELECT d + INTERVAL 1 DAY FROM t', /a DATE plus or minus an INTERVAL/],
  ["SELECT d - CAST('1 day' AS INTERVAL) FROM t", /a DATE plus or minus an INTERVAL/],
  ['SELECT main.to_days(5) + d FROM t', /a DATE plus or minus an INTERVAL/],
  ["SELECT date_trunc('month', d) FROM t", /date_trunc of a DATE/],
  ['SELECT CAST(f AS DECIMAL(10,2)) FROM t', /a DOUBLE cast to DECIMAL/],
  ['SELECT 1.5e0::DECIMAL(2,1)', /a DOUBLE cast to DECIMAL/],
  ["SELECT map_extract(m, 'k')", /the values of a MAP that is NULL/],
  ['SELECT row(1, 2)', /the fields of row/],
  ["SELECT j -> 'a'", /a is null in the JSON/],
  ['SELECT INTERVAL 1 DAY / n FROM t', /an INTERVAL divided/],
])('%s is reported', async (query, wanted) => {
  const found = await meaningWarnings(TARGET, withView(query), '0.8.1')
  expect(found).toContainEqual(expect.stringMatching(wanted))
})

it.each([
  'SELECT t + INTERVAL 1 DAY FROM t',
  "SELECT coalesce(map_extract(m, 'k'), [])",
  "SELECT j ->> 'a', list_transform(l, x -> x + 1)",
  'SELECT CAST(1 AS DECIMAL(10,2))',
])('%s means what it meant', async (query) => {
  expect(await meaningWarnings(TARGET, withView(query), '0.8.1')).toEqual([])
})

const COLUMNS = {
  maps: new Set<string>(),
  lists: new Set<string>(),
  decimals: new Set<string>(),
  doubles: new Set<string>(),
  dates: new Set(['d']),
  timestamps: new Set(['t']),
  intervals: new Set(['v']),
}

it.each([
  [`t > '2020-01-01'`, true],
  [`'2020-01-01' <= t`, true],
  [`t BETWEEN '2020-01-01' AND '2021-01-01'`, true],
  [`(t IN ('2020-01-01', '2021-01-01'))`, true],
  [`d > '2020-1-1'`, true],
  [`d > '2020-01-01'`, false],
  [`t > CAST('2020-01-01' AS TIMESTAMP)`, false],
  [`t > TIMESTAMP '2020-01-01'`, false],
  [`s > '2020-01-01'`, false],
  [`t > 'x'`, false],
])('%s compares a time with a text: %s', (sql, compared) => {
  const change = CHANGES.find(({ what }) => what.startsWith('a DATE or TIMESTAMP was compared'))
  expect(change?.holds(tokenize(sql), sql, COLUMNS)).toBe(compared)
})
