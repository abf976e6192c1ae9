import { expect, it } from 'vitest'
import { withNullsFirst } from '../../src/migration/meaning/kept-order.js'

it.each([
  ['SELECT a FROM t ORDER BY a', 'SELECT a FROM t ORDER BY a NULLS FIRST'],
  [
    'SELECT a FROM t order by a desc, 2 LIMIT 1',
    'SELECT a FROM t order by a desc NULLS FIRST, 2 NULLS FIRST LIMIT 1',
  ],
  ['SELECT a FROM t ORDER BY a NULLS LAST, b', 'SELECT a FROM t ORDER BY a NULLS LAST, b NULLS FIRST'],
  ['SELECT a FROM t ORDER BY ALL OFFSET 1', 'SELECT a FROM t ORDER BY ALL NULLS FIRST OFFSET 1'],
  ['SELECT list(a ORDER BY f(b, c)), d', 'SELECT list(a ORDER BY f(b, c) NULLS FIRST), d'],
  [
    'sum(a) OVER (PARTITION BY b, c ORDER BY d ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)',
    'sum(a) OVER (PARTITION BY b, c ORDER BY d NULLS FIRST ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)',
  ],
  [
    'ORDER BY rows, range(a) RANGE UNBOUNDED PRECEDING',
    'ORDER BY rows NULLS FIRST, range(a) NULLS FIRST RANGE UNBOUNDED PRECEDING',
  ],
  ['SELECT a AS nulls ORDER BY nulls DESC', 'SELECT a AS nulls ORDER BY nulls DESC NULLS FIRST'],
  ['(ORDER BY a ROWS b PRECEDING)', '(ORDER BY a NULLS FIRST ROWS b PRECEDING)'],
  ['(ORDER BY f(a) ROWS (1) PRECEDING)', '(ORDER BY f(a) NULLS FIRST ROWS (1) PRECEDING)'],
  [
    `(ORDER BY a, b DESC RANGE '1 day'::INTERVAL PRECEDING)`,
    `(ORDER BY a NULLS FIRST, b DESC NULLS FIRST RANGE '1 day'::INTERVAL PRECEDING)`,
  ],
  [
    '(ORDER BY a.rows, -range, CASE WHEN rows THEN 1 END ROWS n PRECEDING)',
    '(ORDER BY a.rows NULLS FIRST, -range NULLS FIRST, CASE WHEN rows THEN 1 END NULLS FIRST ROWS n PRECEDING)',
  ],
  [`SELECT E'\\' ORDER BY a', a ORDER BY a`, `SELECT E'\\' ORDER BY a', a ORDER BY a NULLS FIRST`],
  [
    '(SELECT a FROM (SELECT a FROM t ORDER BY a LIMIT 1) ORDER BY (SELECT b FROM u ORDER BY b))',
    '(SELECT a FROM (SELECT a FROM t ORDER BY a NULLS FIRST LIMIT 1) ORDER BY (SELECT b FROM u ORDER BY b NULLS FIRST) NULLS FIRST)',
  ],
  ['SELECT a ORDER BY a -- the end, really', 'SELECT a ORDER BY a NULLS FIRST -- the end, really'],
  [`SELECT ' ORDER BY a', "ORDER" BY`, `SELECT ' ORDER BY a', "ORDER" BY`],
])('%s', (before, after) => {
  expect(withNullsFirst(before)).toBe(after)
})
