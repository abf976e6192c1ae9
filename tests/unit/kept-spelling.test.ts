import { describe, expect, it } from 'vitest'
import { keepSpelling } from '../../src/migration/meaning/kept-spelling.js'

describe('what old parsers read otherwise', () => {
  it.each([
    ['SELECT 1_000', 'SELECT 1 _000'],
    ['SELECT 1.5_5, 1e5_0', 'SELECT 1.5 _5, 1e5 _0'],
    [`SELECT 170141183460469231731687303715884105728`, `SELECT 170141183460469231731687303715884105728e0`],
    ['SELECT x::INT[3]', 'SELECT x::INT[]'],
    ['SELECT x::DECIMAL(3, 1)[2][], x::varchar[][4]', 'SELECT x::DECIMAL(3, 1)[][], x::varchar[][]'],
    ['SELECT CAST(x AS double precision[3])', 'SELECT CAST(x AS double precision[])'],
    [
      'SELECT x::"my type"[2], x::timestamp with time zone[1]',
      'SELECT x::"my type"[], x::timestamp with time zone[]',
    ],
    [`SELECT interval '1.5' day`, `SELECT to_days(CAST('1.5' AS INTEGER))`],
    ['SELECT t + INTERVAL (a + (b)) HOURS, 1', 'SELECT t + to_hours(CAST((a + (b)) AS BIGINT)), 1'],
    [
      `SELECT interval (extract(day FROM interval (x) month)) second`,
      `SELECT to_seconds(CAST((extract(day FROM to_months(CAST((x) AS INTEGER)))) AS BIGINT))`,
    ],
  ])('%s', (typed, wanted) => {
    expect(keepSpelling(typed)).toBe(wanted)
  })

  it.each([
    'SELECT 1 _000, a_1, "1_000", \'1_000\', 1.5e3',
    'SELECT 170141183460469231731687303715884105727, 340282366920938463463374607431768211456',
    'SELECT x[3], (x::INT[])[3], f(x)[1], CAST(x AS INT[])[2], [3], a.b[1]',
    `SELECT INTERVAL '1 day', INTERVAL 5 DAY, INTERVAL '5' DAY, INTERVAL (5) DAYS, INTERVAL ('1 ' || x), x::INTERVAL`,
    `SELECT 'interval (x) day, x::INT[3]' -- interval (x) day`,
  ])('the rest stays as it is: %s', (typed) => {
    expect(keepSpelling(typed)).toBe(typed)
  })
})
