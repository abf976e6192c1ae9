import { copyFile, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JobReport } from '../../src/fleet/report.js'
import { jobReports, runCli } from '../support/cli.js'
import { answersIn, answersOfIn } from '../support/conformance.js'
import { TestEngine } from '../support/database.js'
import { ensureEngine, INSTALL_TIMEOUT_MS } from '../support/engines.js'

const UPGRADE_TIMEOUT_MS = 300_000
/** What comes after it stays in the WAL. */
const KEPT_IN_WAL = ['CHECKPOINT', 'PRAGMA disable_checkpoint_on_shutdown']

/** A file that 0.8.1 writes, and what both releases have to answer alike. */
interface Case {
  readonly name: string
  readonly setup: readonly string[]
  readonly checks: readonly string[]
  /** Statements that both refuse. */
  readonly refused?: readonly string[]
  readonly warnings?: readonly RegExp[]
}

const BROKEN = 'was broken already and is kept as it is'

const CASES: readonly Case[] = [
  {
    name: 'doubles_that_print_like_decimals',
    setup: [
      'CREATE MACRO f(x) AS typeof(x + 1e5) || typeof(1e5) || typeof(100000.0)',
      'CREATE MACRO g(x, y := 1e3) AS typeof(y) || typeof(x * 0.1e0)',
      'CREATE MACRO tf(x) AS TABLE SELECT typeof(1.5e0) a, typeof(1.50) b, -2e0 / x c',
      'CREATE SCHEMA s',
      'CREATE MACRO s.f(x) AS typeof(x + 2.0)',
      `CREATE TABLE t(a int, b varchar DEFAULT typeof(1e5), c varchar DEFAULT typeof(100000.0), d double DEFAULT 1e5,
         CHECK (typeof(1e0) = 'DOUBLE' AND a < 1e5), g varchar GENERATED ALWAYS AS (typeof(a * 1.5e0)))`,
      'INSERT INTO t(a) VALUES (1)',
    ],
    checks: [
      'SELECT f(1), g(1), s.f(1)',
      'SELECT * FROM tf(4)',
      'SELECT a::varchar, b, c, d::varchar, g FROM t',
    ],
    refused: ['INSERT INTO t(a) VALUES (100001)'],
  },
  {
    name: 'doubles_in_a_wal',
    setup: [
      'CREATE MACRO f(x) AS typeof(x + 1e5)',
      'CREATE TABLE t(a int, b varchar DEFAULT typeof(2.0))',
      ...KEPT_IN_WAL,
      'CREATE MACRO g(x) AS typeof(x + 1e6)',
      'ALTER TABLE t ALTER b SET DEFAULT typeof(1.5e0)',
      'INSERT INTO t(a) VALUES (1)',
    ],
    checks: ['SELECT f(1), g(1)', 'SELECT b FROM t'],
  },
  {
    name: 'texts_beside_decimals_and_lists',
    setup: [
      `CREATE TABLE t(v varchar, n int, l int[], dc decimal(9,2), CHECK (v > 1.5), CHECK ((l || 1) <> ''),
         b boolean GENERATED ALWAYS AS (v BETWEEN n AND dc), j varchar GENERATED ALWAYS AS (l || v))`,
      `INSERT INTO t VALUES ('7.5', 7, [1, 2], 8.25), ('9', 10, [], 11)`,
      `CREATE TABLE d(i int, j varchar DEFAULT concat([1], 'a'), k varchar[] DEFAULT list_append([1], 'a'))`,
      'INSERT INTO d(i) VALUES (1)',
      'CREATE INDEX x ON t((v < dc))',
      `CREATE VIEW w AS SELECT v < 8.5 AS a, l || ' ' AS b, list_concat(l, ['x']) AS c, greatest(v, n) AS d, list_value(n, v) AS e FROM t`,
      `CREATE MACRO m() AS [1] || 'a'`,
    ],
    checks: [
      'SELECT b::varchar, j FROM t',
      'SELECT j, k::varchar FROM d',
      'SELECT columns(*)::varchar FROM w',
      'SELECT m()',
    ],
    refused: [`INSERT INTO t VALUES ('1.2', 1, [], 1)`],
  },
  {
    name: 'times_compared_with_texts',
    setup: [
      `CREATE TABLE t(tm time, ts timestamp, CHECK (tm <> '9:00:00'),
         a boolean GENERATED ALWAYS AS (tm > '9:00:00'), b boolean GENERATED ALWAYS AS (ts = '2020-02-03 00:00:00.0'))`,
      `INSERT INTO t VALUES ('13:14:15.5', '2020-02-03'), ('08:00:00', '2020-02-03 01:00:00')`,
      `CREATE VIEW w AS SELECT tm < '9:00:00' AS a, tm IN ('13:14:15.50', '8:00:00') AS b, tm = '08:00' AS c FROM t`,
      `CREATE MACRO early() AS (SELECT count(*) FROM t WHERE tm < '9:00:00')`,
    ],
    checks: [
      'SELECT columns(*)::varchar FROM t',
      'SELECT columns(*)::varchar FROM w',
      'SELECT early()::varchar',
      `SELECT count(*)::varchar FROM t WHERE a AND b`,
    ],
  },
  {
    name: 'structs_cast_to_other_names',
    setup: [
      `CREATE TABLE t(i int, s struct(a int, b varchar), g struct(a int, c varchar) GENERATED ALWAYS AS (s))`,
      `INSERT INTO t VALUES (1, {'a': 1, 'b': 'x'}), (2, NULL)`,
      `CREATE TABLE d(i int, s varchar DEFAULT CAST({'a': 1, 'b': 'x'} AS STRUCT(a int, c varchar)))`,
      'INSERT INTO d(i) VALUES (1)',
      'CREATE VIEW v AS SELECT i, CAST(s AS STRUCT(a int, c varchar)) AS x, s::STRUCT(y int, z varchar) AS y FROM t',
      `CREATE MACRO m() AS CAST({'k': 1} AS STRUCT(l int))`,
    ],
    checks: [
      'SELECT i::varchar, g.c FROM t',
      'SELECT s::varchar FROM d',
      'SELECT i::varchar, x.c, y.z FROM v ORDER BY 1',
      'SELECT m().l::varchar',
    ],
  },
  {
    name: 'texts_like_parameters',
    setup: [`CREATE MACRO f(x) AS x || '"0_macro_parametersf".x'`],
    checks: [`SELECT f('a')`],
  },
  {
    name: 'names_of_types',
    setup: [
      `CREATE TYPE "my type" AS ENUM('a', 'b')`,
      `CREATE TYPE "order" AS ENUM('x')`,
      'CREATE TYPE "an int" AS INTEGER',
      'CREATE MACRO f(x) AS x::"my type"',
      'CREATE MACRO g(x) AS x::struct("a b" "my type", c "order"[])',
      'CREATE MACRO tf(x) AS TABLE SELECT x::"order" AS "select"',
      `CREATE TABLE t(a int, b varchar DEFAULT 'a'::"my type", CHECK (a::"an int" < 5))`,
      'INSERT INTO t(a) VALUES (1)',
    ],
    checks: [
      `SELECT f('a')::varchar, g({'a b': 'b', 'c': ['x']})::varchar`,
      `SELECT "select"::varchar FROM tf('x')`,
      'SELECT b FROM t',
    ],
    refused: ['INSERT INTO t(a) VALUES (9)'],
  },
  {
    name: 'names_of_columns',
    setup: [
      'CREATE TABLE k(a int, v int, "w w" int)',
      'INSERT INTO k VALUES (1, 10, 1), (2, 20, 2)',
      'CREATE MACRO used() AS TABLE SELECT k1.v FROM k k1 JOIN k k2 USING (a, "w w") ORDER BY 1',
      'CREATE MACRO excluded() AS TABLE SELECT * EXCLUDE ("w w", v) FROM k ORDER BY 1',
      'CREATE MACRO replaced() AS TABLE SELECT k.* REPLACE ("w w" * 2 AS "w w") FROM k ORDER BY 1',
      'CREATE MACRO pivoted() AS TABLE SELECT * FROM k PIVOT (sum(v) FOR a IN (1, 2) GROUP BY "w w") ORDER BY 1',
      "CREATE MACRO outside(x) AS TABLE SELECT a FROM read_csv_auto('/no/such/file.csv', header = true) WHERE a = x",
    ],
    checks: ['used', 'excluded', 'replaced', 'pivoted'].map(
      (macro) => `SELECT columns(*)::varchar FROM ${macro}()`,
    ),
    refused: ['FROM outside(1)'],
    warnings: [new RegExp(`^macro main.outside ${BROKEN}`)],
  },
  {
    name: 'own_name',
    setup: [
      'CREATE TABLE t(a int)',
      'INSERT INTO t VALUES (1)',
      'CREATE SCHEMA s',
      'CREATE TABLE s.u(b int)',
      'CREATE VIEW v1 AS SELECT own_name.main.t.a FROM own_name.main.t',
      'CREATE VIEW v2 AS SELECT * FROM own_name.t',
      'CREATE VIEW v3 AS SELECT * FROM own_name.s.u',
      'CREATE MACRO f() AS (SELECT max(a) FROM own_name.main.t)',
      'CREATE SEQUENCE q START 7',
      `CREATE TABLE d(a bigint DEFAULT nextval('own_name.main.q'), b int)`,
      'INSERT INTO d(b) VALUES (5)',
    ],
    checks: [
      'SELECT a::varchar FROM v1',
      'SELECT a::varchar FROM v2',
      'SELECT b FROM v3',
      'SELECT f()::varchar',
      'SELECT a::varchar FROM d',
    ],
  },
  {
    name: 'broken_macros',
    setup: [
      'CREATE TABLE t(a int, b varchar)',
      'CREATE TABLE u(a int)',
      'INSERT INTO u VALUES (1)',
      'CREATE SCHEMA s',
      'CREATE MACRO s.f(x) AS x + 1',
      'CREATE SEQUENCE q',
      'CREATE MACRO k1(x) AS (SELECT max(a) FROM t WHERE a < x)',
      'CREATE MACRO k2(x) AS s.f(x)',
      `CREATE MACRO k3(x) AS nextval('q') + x`,
      'CREATE MACRO k4(x, y := 3) AS TABLE SELECT t.b || y AS z, count(*) c FROM t JOIN u USING (a) GROUP BY ALL',
      'CREATE MACRO k5(x) AS TABLE SELECT nothing + x FROM u',
      'CREATE MACRO k6(x) AS TABLE SELECT * FROM elsewhere.nothing.t WHERE y = x',
      'CREATE MACRO k7(x) AS TABLE SELECT * FROM no_function(x, 2)',
      'CREATE MACRO good(x) AS (SELECT max(a) FROM u) + x',
      'CREATE MACRO k8(x) AS k2(x) + good(x)',
      'CREATE VIEW v AS SELECT k8(1) FROM u',
      'DROP MACRO s.f',
      'DROP SEQUENCE q',
      'DROP TABLE t',
      'DROP SCHEMA s',
    ],
    checks: [
      'SELECT good(1)::varchar',
      "SELECT function_name FROM duckdb_functions() WHERE NOT internal AND function_type LIKE '%macro%' ORDER BY 1",
    ],
    refused: [
      'SELECT k1(1)',
      'SELECT k2(1)',
      'SELECT k3(1)',
      'SELECT * FROM k4(1)',
      'SELECT * FROM k5(1)',
      'SELECT * FROM k6(1)',
      'SELECT * FROM k7(1)',
      'SELECT k8(1)',
      'FROM v',
    ],
    warnings: [1, 2, 3, 4, 5, 6, 7, 8].map((k) => new RegExp(`^macro main.k${k} ${BROKEN}: `)),
  },
  {
    name: 'chains_of_broken_views',
    setup: [
      'CREATE TABLE t(a int, b varchar)',
      'CREATE VIEW v1 AS SELECT * FROM t',
      'CREATE VIEW v2 AS SELECT * FROM v1',
      'CREATE TABLE u(c int)',
      'CREATE VIEW w1 AS SELECT c AS x FROM u',
      'CREATE VIEW w2 AS SELECT x + 1 AS y FROM w1 JOIN t ON true',
      'ALTER TABLE t DROP a',
      'DROP TABLE u',
    ],
    checks: ['SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1'],
    refused: ['FROM w1', 'FROM w2'],
    warnings: [
      /^view main.w1 was broken/,
      /^view main.w2 was broken/,
      /^view main.v2 .* works in the target$/,
    ],
  },
  {
    name: 'views_on_views',
    setup: [
      'CREATE VIEW v AS SELECT 1 AS a, 2 AS a, 3 AS b',
      'CREATE VIEW w AS SELECT * FROM v',
      'CREATE VIEW x AS SELECT "a:1", b FROM w',
    ],
    checks: [
      'SELECT columns(*)::varchar FROM w',
      'SELECT columns(*)::varchar FROM x',
      `SELECT column_name FROM duckdb_columns() WHERE table_name IN ('w', 'x') ORDER BY table_name, column_index`,
    ],
  },
  {
    name: 'recursive_views',
    setup: [
      'CREATE RECURSIVE VIEW v(n) AS VALUES (1) UNION ALL SELECT n + 1 FROM v WHERE n < 5',
      'CREATE SCHEMA s',
      'CREATE RECURSIVE VIEW s."w x"(n, "m m") AS SELECT 1, 2 UNION ALL SELECT n + 1, "m m" * 2 FROM "w x" WHERE n < 5 -- end',
      'ALTER VIEW v RENAME TO renamed',
    ],
    checks: ['SELECT n::varchar FROM renamed', 'SELECT n::varchar, "m m"::varchar FROM s."w x"'],
  },
  {
    name: 'typed_otherwise',
    setup: [
      'CREATE TABLE t(d double, l int[])',
      'INSERT INTO t VALUES (1.5, [1, 2]), (-2.5, [])',
      'CREATE VIEW numbers AS SELECT 1_000, 170141183460469231731687303715884105728 AS big',
      'CREATE VIEW lists AS SELECT l::int[3] AS l FROM t',
      `CREATE VIEW intervals AS SELECT interval (d) day AS a, interval '1.5' hour AS b, interval (d) second AS c FROM t`,
    ],
    checks: [
      'SELECT _000::varchar, big::varchar FROM numbers',
      'SELECT l::varchar FROM lists',
      'SELECT a::varchar, b::varchar, c::varchar FROM intervals',
    ],
  },
  {
    name: 'printed_otherwise_when_opened_again',
    setup: [
      'CREATE TABLE t(a int, b int, c int, l int[])',
      'INSERT INTO t VALUES (1, 2, 3, [1, -1])',
      'CREATE VIEW u AS SELECT * FROM (SELECT a, b, c FROM t) UNPIVOT (v FOR n IN (a, b)) ORDER BY ALL',
      'CREATE VIEW l AS SELECT [x * 2 for x in l if x > 0] AS r FROM t',
      'CREATE VIEW s AS SELECT min(columns(* EXCLUDE (l, c))) FROM t',
      'CREATE VIEW c AS SELECT a::varchar(10) AS v, a::decimal AS d, a::numeric(5) AS n FROM t CROSS JOIN (SELECT 1 AS one) q',
      'CREATE INDEX i ON t((a::decimal))',
      'CREATE MACRO f(l) AS [x * 2 for x in l if x > 0]',
    ],
    checks: [
      'SELECT columns(*)::varchar FROM u',
      'SELECT r::varchar FROM l',
      'SELECT columns(*)::varchar FROM s',
      'SELECT v, d::varchar, n::varchar FROM c',
      'SELECT f([1, -1])::varchar',
    ],
  },
  {
    name: 'texts_beside_numbers',
    setup: [
      `CREATE TYPE mood AS ENUM('sad', 'ok', 'a')`,
      'CREATE TABLE t(i int, b bigint, s varchar, d date, ts timestamp, m mood, l int[])',
      `INSERT INTO t VALUES (1, 7, '01', '2020-01-02', '2020-01-02', 'sad', [1, 7]), (7, 8, '7', '2020-10-02', '2020-10-02 03:04:05', 'ok', []), (NULL, 9, 'x', NULL, NULL, NULL, NULL)`,
      `CREATE VIEW cases AS SELECT CASE WHEN i > 1 THEN 'many' ELSE i END AS c, coalesce(i, '?'), ifnull(ts, 'never') FROM t`,
      `CREATE VIEW lists AS SELECT [i, 'x'] AS l, greatest(i, '10') AS g, list_contains(l, '07') AS c, nullif(d, '2020-1-2') AS n FROM t`,
      `CREATE VIEW chosen AS SELECT b FROM t WHERE i IN ('01', '7') OR s IN (1, 2) OR '07' IN (SELECT i FROM t)`,
      `CREATE VIEW times AS SELECT b, d > '2020-9-1' AS a, ts >= '2020-01-02' AS e, ts < 'x' AS f, ts IN ('2020-01-02', '2021-01-01') AS g, ts IN ('2020-01-02', 'x') AS k, d = s AS h FROM t`,
      `CREATE VIEW nested AS WITH c AS (SELECT coalesce(i, '?') AS x, b FROM t) SELECT x, (SELECT max(CASE WHEN u.b > c.b THEN u.b ELSE 'x' END) FROM t u) AS y FROM c WHERE x IN ('1', 7)`,
      `CREATE VIEW given AS SELECT * FROM (VALUES (1, 'a'), ('x', 'b')) q(x, y)`,
      `CREATE VIEW on_given AS SELECT coalesce(x, 1) AS x FROM given`,
      `CREATE VIEW refused AS SELECT coalesce(s, i) AS c, length(i) AS n FROM t`,
      `CREATE VIEW moods AS SELECT m < 'sad' AS x FROM t`,
      `CREATE MACRO f(x) AS CASE WHEN x > 1 THEN 'a' ELSE 1 END`,
      `CREATE MACRO tf(x) AS TABLE SELECT coalesce(i, '?') AS c, b FROM t WHERE i IN ('1', '07') OR b = x`,
      `CREATE MACRO any_type(x) AS CASE WHEN x > 1 THEN 'a' ELSE x END`,
      'CREATE MACRO or_zero(x) AS coalesce(x, 0)',
      `CREATE VIEW called AS SELECT or_zero('7') AS x, or_zero(i) AS y FROM t`,
      'CREATE VIEW called_well AS SELECT or_zero(i) AS y FROM t',
    ],
    checks: [
      ...[
        'cases',
        'lists',
        'chosen',
        'times',
        'nested',
        'given',
        'on_given',
        'refused',
        'called_well',
        'tf(9)',
      ].map((from) => `SELECT columns(*)::varchar FROM ${from} ORDER BY ALL`),
      `SELECT DISTINCT typeof(c), typeof("COALESCE(ts, 'never')") FROM cases`,
      'SELECT DISTINCT typeof(x), typeof(y) FROM nested',
      'SELECT typeof(f(2)), f(2), f(1)',
      `SELECT column_name, data_type FROM duckdb_columns() WHERE table_name IN ('cases', 'chosen', 'nested', 'given') ORDER BY table_name, column_index`,
    ],
    warnings: [
      /^view main.moods may mean something else/,
      /^view main.called may mean something else/,
      /^macro main.any_type may mean something else/,
    ],
  },
  {
    name: 'texts_compared_as_numbers',
    setup: [
      `CREATE TABLE t(v varchar, i int, d date, CHECK (v > 2), CHECK (v BETWEEN i AND 100), c varchar DEFAULT ('1' < 2),
         g boolean GENERATED ALWAYS AS (i < v), y varchar GENERATED ALWAYS AS (d[3]), z varchar GENERATED ALWAYS AS (substr(i * 1e3, 1, 3)))`,
      `INSERT INTO t(v, i, d) VALUES ('12', 7, '2020-01-02'), ('9', 9, NULL)`,
      'CREATE INDEX ix ON t((v >= 10))',
      `CREATE VIEW compared AS SELECT v > 10 AS a, i < v AS b, v BETWEEN 1 AND i AS c, d[1] || i[1] AS e FROM t WHERE NOT (v <= 2)`,
    ],
    checks: [
      'SELECT v, g::varchar, y, c, z FROM t ORDER BY v',
      'SELECT columns(*)::varchar FROM compared ORDER BY ALL',
      'SELECT v FROM t WHERE (v::int >= 10)',
    ],
    refused: [`INSERT INTO t(v, i) VALUES ('1', 0)`, `INSERT INTO t(v, i) VALUES ('10', 11)`],
  },
  {
    name: 'numbers_beside_narrow_ones',
    setup: [
      `CREATE TABLE t(ti tinyint, sm smallint, u uinteger, ub ubigint, n decimal(5,2), i int, d double,
         g bigint GENERATED ALWAYS AS (sm * 100), CHECK (sm * 100 < 5000000), x varchar DEFAULT typeof(2::smallint * 100))`,
      'INSERT INTO t(ti, sm, u, ub, n, i, d) VALUES (100, 30000, 4000000000, 18000000000000000000, 9.99, 7, 2.5), (-100, -30000, 1, 1, 0, 0, 0)',
      'CREATE INDEX ix ON t((sm * 100))',
      'CREATE VIEW computed AS SELECT ti * 100 AS a, ti + 100 AS b, 1 - u AS c, u * 40000 AS d, ub * 70000 AS e, sm & 70000 AS f, 200 - ti AS h FROM t',
      'CREATE VIEW chosen AS SELECT coalesce(ti, 0) * 100 AS a, CASE WHEN i > 1 THEN sm ELSE 1 END * 100 AS b, [ti, 1] AS c FROM t',
      'CREATE VIEW extremes AS SELECT greatest(ti, 1) * 100 AS a, least(n, i) AS b, greatest(ub, 1) AS c, greatest(i, true) AS d, least(sm, ti) AS e FROM t',
      'CREATE VIEW rests AS SELECT i % n AS a, d % i AS b, n % 2 AS c, i % 2 AS e, i % 0.3 AS f FROM t',
      'CREATE VIEW given AS SELECT x * 100 AS y FROM (SELECT ti FROM t) q(x)',
      `CREATE TABLE r(i int, b bigint, x varchar GENERATED ALWAYS AS (round(i, -1)::varchar), y varchar DEFAULT round(25), CHECK (round(b) / 2 < 1000))`,
      'INSERT INTO r(i, b) VALUES (2147483647, 25), (-7, -1)',
      'CREATE VIEW rounded AS SELECT round(i, -1) AS a, round(b)::varchar AS b, round(25, -1) AS c, round(i / 2, 1) AS d, round(1.25, 1) AS e FROM r',
      'CREATE VIEW by_name AS SELECT multiply(ti, 100) AS a, add(ti, 100) AS b, subtract(200, ti) AS c, divide(sm, 7) AS d, multiply(ub, 70000) AS e FROM t',
      'CREATE TABLE n(sm smallint, g varchar GENERATED ALWAYS AS (multiply(sm, 100)::varchar), CHECK (multiply(sm, 100) < 5000000))',
      'INSERT INTO n(sm) VALUES (30000), (NULL)',
      'CREATE MACRO f(x) AS CAST(x AS TINYINT) * 100',
    ],
    checks: [
      ...['computed', 'chosen', 'extremes', 'rests', 'given', 'r', 'rounded', 'by_name', 'n'].map(
        (from) => `SELECT columns(*)::varchar FROM ${from} ORDER BY ALL`,
      ),
      `SELECT column_name, data_type FROM duckdb_columns() WHERE table_name IN ('computed', 'chosen', 'extremes', 'rests', 'rounded', 'by_name', 'n') ORDER BY table_name, column_index`,
      'SELECT f(100), typeof(f(100))',
      'SELECT sm, g, x FROM t WHERE sm * 100::int = 3000000',
    ],
  },
  {
    name: 'zeros_of_both_signs',
    setup: [
      ...KEPT_IN_WAL,
      'CREATE TABLE t(d double, f float)',
      `INSERT INTO t SELECT CASE i % 5 WHEN 0 THEN '-0.0'::double WHEN 4 THEN i ELSE 0 END, NULL FROM range(20000) r(i)`,
      'UPDATE t SET f = d',
    ],
    checks: [
      `SELECT (count(*) FILTER (WHERE d::varchar = '-0.0'))::varchar, (count(*) FILTER (WHERE f::varchar = '-0.0'))::varchar FROM t`,
    ],
  },
  {
    name: 'generated_unions',
    setup: [
      'CREATE TABLE t(i int, u UNION(a int, b varchar) GENERATED ALWAYS AS (union_value(a := i)))',
      'INSERT INTO t(i) VALUES (1), (NULL)',
    ],
    checks: ['SELECT i, u::varchar FROM t'],
  },
]

let folder: string
let engine: TestEngine
let reports: JobReport[]
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'duckfleet-views-0.8.1-')))
  await mkdir(join(folder, 'old'))
  engine = await TestEngine.start(await ensureEngine('native:0.8.1'), folder)
  for (const { name, setup } of CASES) {
    const database = await engine.open(join(folder, 'old', `${name}.duckdb`), 'create')
    for (const sql of setup) await database.query(sql)
    if (!setup.includes('CHECKPOINT')) await database.query('CHECKPOINT')
    await database.close()
  }
  const args = ['upgrade', join(folder, 'old'), join(folder, 'new'), '--to', '1.5.6', '--jobs', '2', '--json']
  reports = jobReports(await runCli(args, { workDir: join(folder, 'work') }))
}, INSTALL_TIMEOUT_MS + UPGRADE_TIMEOUT_MS)
afterAll(async () => {
  await engine.stop()
  await rm(folder, { recursive: true, force: true })
})

/** A copy under the same name: files know their own. */
async function copied(which: string, name: string): Promise<string> {
  const copy = join(folder, `${which} copy`)
  await mkdir(copy, { recursive: true })
  for (const end of ['.duckdb', '.duckdb.wal'])
    await copyFile(join(folder, which, name + end), join(copy, name + end)).catch(() => undefined)
  return join(copy, `${name}.duckdb`)
}

describe.each(CASES)('views and macros of 0.8.1: $name', ({ name, checks, refused = [], warnings = [] }) => {
  it('is upgraded, and says what its owner should know', () => {
    const report = reports.find(({ source }) => source.endsWith(`/${name}.duckdb`))
    expect([report?.outcome, report?.error]).toEqual(['migrated', null])
    for (const warning of warnings) expect(report?.warnings).toContainEqual(expect.stringMatching(warning))
  })

  it('answers as it did', async () => {
    const asked = {
      name,
      checks: [
        ...checks.map((sql) => ({ sql, want: [] })),
        ...refused.map((sql) => ({ sql, want: 'refused' as const })),
      ],
    }
    const before = await answersOfIn(engine, await copied('old', name), asked)
    const after = await answersIn(await copied('new', name), asked)
    expect(after).toEqual(before)
    expect(JSON.stringify(before)).not.toContain('error: ')
    expect(before.slice(checks.length)).toEqual(refused.map(() => 'refused'))
  })
})
