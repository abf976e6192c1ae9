import { beforeAll, expect, it } from 'vitest'
import { castInMacro } from '../../src/migration/meaning/macro-casts.js'
import { castInQuery } from '../../src/migration/meaning/query-casts.js'
import type { Session } from '../../src/migration/sql/session.js'
import { openTarget } from '../support/target-session.js'

let target: Session
beforeAll(async () => {
  target = await openTarget()
  await target.query(`CREATE TYPE mood AS ENUM('sad', 'ok')`)
  await target.query(
    'CREATE TABLE t(i int, b bigint, d date, ts timestamp, s varchar, h hugeint, e mood, l int[], f double, tm time)',
  )
  await target.query('CREATE TABLE narrow(n smallint, i int, w ubigint)')
})

const castIn = async (sql: string): Promise<string> => {
  const { sql: cast, isSure } = await castInQuery(target, sql)
  expect(isSure).toBe(true)
  return cast
}

it.each([
  [
    `SELECT coalesce(i, 'a') AS x FROM t`,
    `SELECT COALESCE(CAST(i AS VARCHAR), CAST('a' AS VARCHAR)) AS x FROM t`,
  ],
  [
    `SELECT * FROM t WHERE tm > '10:00'`,
    `SELECT * FROM t WHERE (CAST(tm AS VARCHAR) > CAST('10:00' AS VARCHAR))`,
  ],
  // The column keeps its name.
  [
    `SELECT ifnull(i, 'a'), count(*) FROM t GROUP BY 1`,
    `SELECT COALESCE(CAST(i AS VARCHAR), CAST('a' AS VARCHAR)) AS "COALESCE(i, 'a')", count_star() FROM t GROUP BY 1`,
  ],
  [
    `SELECT s FROM t WHERE s IN (1, 2)`,
    'SELECT s FROM t WHERE (CAST(s AS VARCHAR) IN (CAST(1 AS VARCHAR), CAST(2 AS VARCHAR)))',
  ],
  [
    `SELECT greatest(h, '7') AS g FROM t`,
    `SELECT greatest(CAST(h AS VARCHAR), CAST('7' AS VARCHAR)) AS g FROM t`,
  ],
  [
    `SELECT list_contains(l, '07') AS c FROM t`,
    `SELECT list_contains(CAST(l AS VARCHAR[]), CAST('07' AS VARCHAR)) AS c FROM t`,
  ],
  [
    `SELECT nullif(d, '2020-1-2') AS n FROM t`,
    `SELECT CASE  WHEN ((CAST(d AS VARCHAR) = CAST('2020-1-2' AS VARCHAR))) THEN (NULL) ELSE d END AS n FROM t`,
  ],
  [
    `VALUES (1, 'a'), ('b', 'c')`,
    `SELECT * FROM (VALUES (CAST(1 AS VARCHAR), 'a'), (CAST('b' AS VARCHAR), 'c')) AS valueslist`,
  ],
  [
    `SELECT '07' IN (SELECT u.i FROM t u WHERE u.i = t.i) AS x FROM t`,
    `SELECT (CAST('07' AS VARCHAR) = ANY(SELECT CAST(duckfleet_c AS VARCHAR) FROM (SELECT u.i FROM t AS u WHERE (u.i = t.i)) AS duckfleet_q(duckfleet_c))) AS x FROM t`,
  ],
  // The types of inner queries, also of those that have changed.
  [
    `WITH c AS (SELECT coalesce(i, 'a') AS x FROM t) SELECT * FROM c WHERE x IN (1, 2)`,
    `WITH c AS (SELECT COALESCE(CAST(i AS VARCHAR), CAST('a' AS VARCHAR)) AS x FROM t)SELECT * FROM c WHERE (CAST(x AS VARCHAR) IN (CAST(1 AS VARCHAR), CAST(2 AS VARCHAR)))`,
  ],
  [
    `SELECT (SELECT max(CASE WHEN u.i = t.i THEN 'same' ELSE u.b END) FROM t u) AS x FROM t`,
    `SELECT (SELECT max(CASE  WHEN ((u.i = t.i)) THEN (CAST('same' AS VARCHAR)) ELSE CAST(u.b AS VARCHAR) END) AS "max(CASE  WHEN ((u.i = t.i)) THEN ('same') ELSE u.b END)" FROM t AS u) AS x FROM t`,
  ],
  [
    `SELECT CASE WHEN f > 1e5 THEN f ELSE 'few' END AS x FROM t`,
    `SELECT CASE  WHEN ((f > CAST('100000.0' AS DOUBLE))) THEN (CAST(f AS VARCHAR)) ELSE CAST('few' AS VARCHAR) END AS x FROM t`,
  ],
  [
    `SELECT ts IN ('2020-01-01', 'x') AS a FROM t`,
    `SELECT (CAST(ts AS VARCHAR) IN (CAST('2020-01-01' AS VARCHAR), CAST('x' AS VARCHAR))) AS a FROM t`,
  ],
  [
    `SELECT ts < 'x' AS a, d > '2020-1-2' AS b FROM t`,
    `SELECT (CAST(ts AS VARCHAR) < CAST('x' AS VARCHAR)) AS a, (CAST(d AS VARCHAR) > CAST('2020-1-2' AS VARCHAR)) AS b FROM t`,
  ],
  // The number 1 was an INTEGER wherever it stood.
  [
    `SELECT n + 1 AS a, n % 2 AS b, coalesce(n, 0) AS c, i + 1 AS d, 5 - w AS e FROM narrow`,
    `SELECT (n + CAST(1 AS INTEGER)) AS a, (n % CAST(2 AS INTEGER)) AS b, COALESCE(n, CAST(0 AS INTEGER)) AS c, (i + 1) AS d, (CAST(5 AS DOUBLE) - CAST(w AS DOUBLE)) AS e FROM narrow`,
  ],
  [
    `SELECT greatest(i, 1) AS a, least(i, 0.5) AS b, greatest(true, i) AS c FROM narrow`,
    `SELECT greatest(CAST(i AS BIGINT), CAST(1 AS BIGINT)) AS a, least(CAST(i AS DOUBLE), CAST(0.5 AS DOUBLE)) AS b, greatest(CAST(CAST('t' AS BOOLEAN) AS VARCHAR), CAST(i AS VARCHAR)) AS c FROM narrow`,
  ],
  [
    `SELECT f % i AS a, i % 1.5 AS b, f % 2 AS c FROM t`,
    `SELECT (f % "nullif"(i, 0)) AS a, (CAST(i AS DOUBLE) % CAST(1.5 AS DOUBLE)) AS b, (f % 2) AS c FROM t`,
  ],
])('%s is written as %s', async (sql, wanted) => {
  expect(await castIn(sql)).toBe(wanted)
  await target.query(`DESCRIBE ${wanted}`)
})

it.each([
  `SELECT coalesce(s, 'a'), CASE WHEN i > 1 THEN 'a' ELSE 'b' END FROM t`,
  `SELECT * FROM t WHERE s = 1 AND i = '1' AND d = '2020-01-02' AND e = 'sad' AND e NOT IN ('x', 'sad')`,
  // A query made a TIMESTAMP of such a text even then.
  `SELECT * FROM t WHERE ts >= '2020-01-01' AND ts BETWEEN '2020-01-01' AND '2020-12-31 10:00:00' AND ts NOT IN ('2020-01-01', '2020-1-2')`,
  `SELECT * FROM t WHERE tm < '9:00:00' AND tm IN ('10:00:00', '11:00:00.5')`,
  // HUGEINT did not give way to VARCHAR.
  `SELECT coalesce(sum(i), '0') FROM t`,
  `SELECT 1 UNION ALL SELECT 'a'`,
  `SELECT * FROM t JOIN t u USING (i, s)`,
])('%s means what it meant', async (sql) => {
  expect(await castIn(sql)).toBe(sql)
})

it.each([
  `SELECT list_transform(l, x -> CASE WHEN x > 1 THEN 'many' ELSE x END) FROM t`,
  `SELECT * FROM t WHERE e < 'sad' OR e = 'x'`,
  `SELECT * FROM t WHERE ts = '2020-01-01 00:00:00+02'`,
  `SELECT 'total', 1 UNION ALL SELECT sum(i), 2 FROM t`,
  `SELECT * FROM t JOIN (SELECT '2020-1-2' AS d) q USING (d)`,
  `SELECT {'k': '07'} = {'k': h} FROM t`,
])('%s is not sure to mean what it meant', async (sql) => {
  expect(await castInQuery(target, sql)).toEqual({ sql, isSure: false })
})

it.each([
  [`SELECT or_zero('7') AS x`, false],
  [`SELECT or_zero(i) AS x, or_zero(1) AS y, shout('a') AS z FROM t`, true],
])('%s calls macros with texts, and surely means what it meant: %s', async (sql, isSure) => {
  await target.query('CREATE OR REPLACE MACRO or_zero(x) AS coalesce(x, 0)')
  await target.query('CREATE OR REPLACE MACRO shout(x) AS upper(x)')
  expect(await castInQuery(target, sql, { macros: new Set(['or_zero', 'shout']) })).toEqual({ sql, isSure })
})

it.each([
  [
    `SELECT l || 'a' AS x, s BETWEEN 1 AND f AS y FROM t`,
    `SELECT (CAST(l AS VARCHAR) || CAST('a' AS VARCHAR)) AS x, (CAST(s AS DOUBLE) BETWEEN CAST(1 AS DOUBLE) AND CAST(f AS DOUBLE)) AS y FROM t`,
  ],
  [
    `SELECT list_concat(l, ['a']) AS x, s < 1.25 AS y FROM t`,
    `SELECT list_concat(CAST(l AS VARCHAR[]), CAST(main.list_value('a') AS VARCHAR[])) AS x, (CAST(s AS DECIMAL(3,2)) < CAST(1.25 AS DECIMAL(3,2))) AS y FROM t`,
  ],
])('%s of a query that the target refuses is %s', async (sql, wanted) => {
  expect(await castInQuery(target, sql, { isRefused: true })).toEqual({ sql: wanted, isSure: true })
})

it('writes what a query lacks that the target refuses', async () => {
  const sql = `SELECT length(i) AS n, coalesce(s, i) AS c FROM t`
  expect(await castInQuery(target, sql, { isRefused: true })).toEqual({
    sql: 'SELECT length(CAST(i AS VARCHAR)) AS n, COALESCE(CAST(s AS VARCHAR), CAST(i AS VARCHAR)) AS c FROM t',
    isSure: true,
  })
})

it.each([
  [
    `(x) AS CASE  WHEN ((x > 1)) THEN ('a') ELSE 1 END`,
    `(x) AS CASE  WHEN ((x > 1)) THEN (CAST('a' AS VARCHAR)) ELSE CAST(1 AS VARCHAR) END`,
    true,
  ],
  [`(x) AS (length(x) IN ('3'))`, `(x) AS (CAST(length(x) AS VARCHAR) IN (CAST('3' AS VARCHAR)))`, true],
  [
    `("a b") AS TABLE SELECT COALESCE(i, 'none') FROM t WHERE (i = "a b")`,
    `("a b") AS TABLE SELECT COALESCE(CAST(i AS VARCHAR), CAST('none' AS VARCHAR)) AS "COALESCE(i, 'none')" FROM t WHERE (i = "a b")`,
    true,
  ],
  // Whatever it is called with.
  [`(x) AS CASE  WHEN ((x > 1)) THEN ('a') ELSE x END`, undefined, false],
  [`(x, y := 1) AS (x IN ('1', '2'))`, undefined, false],
  [`(x) AS (x > '2020-01-01')`, undefined, false],
  [`(x) AS (x IN ('open', 'closed'))`, undefined, true],
  [`(x) AS COALESCE(x, 0)`, undefined, true],
  [`(x) AS CASE  WHEN ((x = 'a')) THEN ('b') ELSE 'c' END`, undefined, true],
])('macro %s becomes %s', async (definition, wanted, isSure) => {
  const macro = { schema: 'main', name: 'f', definition }
  expect(await castInMacro(target, macro)).toEqual({
    macro: { ...macro, definition: wanted ?? definition },
    isSure,
  })
})
