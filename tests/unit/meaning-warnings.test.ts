import { expect, it } from 'vitest'
import { CHANGES } from '../../src/migration/meaning-warnings.js'
import { tokenize } from '../../src/migration/sql.js'

const COLUMNS = {
  maps: new Set<string>(),
  lists: new Set<string>(),
  decimals: new Set<string>(),
  dates: new Set(['d']),
  timestamps: new Set(['t']),
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
