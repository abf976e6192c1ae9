import { expect, it } from 'vitest'
import { quoteCasts, quoteColumns } from '../../src/migration/meaning/printed-names.js'

const NAMES = new Set(['my type', 'order', 'dot.ted', 'mood'])

it.each([
  ['CAST(x AS my type)', 'CAST(x AS "my type")'],
  ['TRY_CAST(x AS order[])', 'TRY_CAST(x AS "order"[])'],
  [
    'CAST(CAST(CAST(x AS dot.ted) AS VARCHAR) AS mood)',
    'CAST(CAST(CAST(x AS "dot.ted") AS VARCHAR) AS "mood")',
  ],
  [`(CAST(x AS DECIMAL(3,1)) || 'CAST(x AS my type)')`, `(CAST(x AS DECIMAL(3,1)) || 'CAST(x AS my type)')`],
  ['CAST(x AS TIMESTAMP WITH TIME ZONE)', 'CAST(x AS TIMESTAMP WITH TIME ZONE)'],
  ['CAST(x AS MAP(my type, order[]))', 'CAST(x AS MAP("my type", "order"[]))'],
  [
    'CAST(x AS STRUCT("a b" my type, c order, d STRUCT("e" mood)[]))',
    'CAST(x AS STRUCT("a b" "my type", "c" "order", "d" STRUCT("e" "mood")[]))',
  ],
  [
    'CAST(x AS UNION(a b INTEGER, select VARCHAR, at TIME WITH TIME ZONE, my type mood))',
    'CAST(x AS UNION("a b" INTEGER, "select" VARCHAR, "at" TIME WITH TIME ZONE, "my type" "mood"))',
  ],
  [
    'CAST(f(CAST(a AS order), CAST(b AS my type)) AS INTEGER)',
    'CAST(f(CAST(a AS "order"), CAST(b AS "my type")) AS INTEGER)',
  ],
])('names of types get their quotes: %s', (printed, wanted) => {
  expect(quoteCasts(printed, NAMES)).toBe(wanted)
})

it.each([
  ['a JOIN b USING (x, w w)', 'a JOIN b USING ("x", "w w")'],
  [
    'SELECT * EXCLUDE (w w, select) REPLACE ((a + 1) AS b c, f(d, e) AS g) FROM t',
    'SELECT * EXCLUDE ("w w", "select") REPLACE ((a + 1) AS "b c", f(d, e) AS "g") FROM t',
  ],
  ['COLUMNS(k.* EXCLUDE (a b))', 'COLUMNS(k.* EXCLUDE ("a b"))'],
  [
    'k PIVOT (sum(v) FOR (a) IN (1, 2) GROUP BY w w, x) ORDER BY a',
    'k PIVOT (sum(v) FOR (a) IN (1, 2) GROUP BY "w w", "x") ORDER BY a',
  ],
  [`replace(a, 'USING (b c)', x) * exclude(a)`, `replace(a, 'USING (b c)', x) * exclude(a)`],
])('names of columns get their quotes: %s', (printed, wanted) => {
  expect(quoteColumns(printed)).toBe(wanted)
})
