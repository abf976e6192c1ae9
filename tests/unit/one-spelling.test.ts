import { describe, expect, it } from 'vitest'
import { oneSpelling, squeezed } from '../../src/migration/sql/one-spelling.js'

describe('what 1.5.6 prints at first, and once the file has been opened again', () => {
  it.each([
    ['CAST(a AS "DECIMAL"(4, 1))', 'CAST(a AS DECIMAL(4,1))'],
    ['CAST(a AS DECIMAL), CAST(a AS DECIMAL(5))', 'CAST(a AS DECIMAL(18,3)), CAST(a AS DECIMAL(5,0))'],
    ['CAST(a AS VARCHAR(20)), CAST(b AS BIT(1))', 'CAST(a AS VARCHAR), CAST(b AS BIT)'],
    ['SELECT * FROM (t CROSS JOIN k)', 'SELECT * FROM (t , k)'],
    ['WITH x AS MATERIALIZED (SELECT 1)SELECT * FROM x', 'WITH x AS (SELECT 1)SELECT * FROM x'],
    ['list_apply(l, (lambda x: (x * 2)))', 'list_apply(l, (x -> (x * 2)))'],
    ['list_apply(l, (lambda x, y: (x + y)))', 'list_apply(l, ("row"(x, y) -> (x + y)))'],
    ['FROM t UNPIVOT (v FOR n IN (d, e))', "FROM t UNPIVOT (v FOR n IN ('d', 'e'))"],
    ['UNPIVOT ((v, w) FOR n IN (main."row"(d, e) AS x))', "UNPIVOT ((v, w) FOR n IN (('d', 'e') AS x))"],
    [
      'SELECT min(COLUMNS(* EXCLUDE (l, a) REPLACE ((b || c) AS d, f(a, b) AS c))) FROM t',
      'SELECT min(COLUMNS(* EXCLUDE (a, l) REPLACE (f(a, b) AS c, (b || c) AS d))) FROM t',
    ],
  ])('%s', (first, then) => {
    expect(oneSpelling(then)).toBe(oneSpelling(first))
  })

  it.each([
    ['SELECT a, b', 'SELECT b, a'],
    ['replace(a, b, c)', 'replace(a, c, b)'],
    ['CAST(a AS DECIMAL(4,1))', 'CAST(a AS DECIMAL(4,2))'],
    ["SELECT 'd'", 'SELECT d'],
    ['* EXCLUDE (a, b)', '* EXCLUDE (a, c)'],
    ['(lambda x: (x * 2))', '(y -> (y * 2))'],
    ['list_apply(l, (x -> (x + 1)))', 'list_apply(l, (x -> (x + 2)))'],
  ])('is not the same: %s', (one, other) => {
    expect(oneSpelling(other)).not.toBe(oneSpelling(one))
  })

  it('holds for expressions of indexes too', () => {
    expect(squeezed(`['(CAST(a AS DECIMAL(5,0)))', "lower(b)"]`)).toBe(
      squeezed(`['(CAST(a AS DECIMAL(5)))', 'lower(b)']`),
    )
  })
})
