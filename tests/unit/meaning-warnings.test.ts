import { expect, it } from 'vitest'
import type { Catalog, Column } from '../../src/migration/catalog/catalog.js'
import { CHANGES, meaningWarnings } from '../../src/migration/meaning/meaning-warnings.js'
import { tokenize } from '../../src/migration/sql/sql.js'
import type { DuckType, ScalarName } from '../../src/migration/sql/types.js'
import { EMPTY_CATALOG } from '../support/empty-catalog.js'

const column = (name: string, type: ScalarName | DuckType): Column => ({
  name,
  type: typeof type === 'string' ? { kind: 'scalar', name: type } : type,
  nullable: true,
  default: undefined,
  generated: undefined,
  collation: undefined,
})

function withView(query: string): Catalog {
  const columns = [
    column('d', 'DATE'),
    column('f', 'DOUBLE'),
    column('t', 'TIMESTAMP'),
    column('v', 'INTERVAL'),
    column('n', { kind: 'decimal', width: 9, scale: 2 }),
    column('l', { kind: 'list', item: { kind: 'scalar', name: 'VARCHAR' } }),
    column('s', { kind: 'struct', fields: [{ name: 'a', type: { kind: 'scalar', name: 'INTEGER' } }] }),
    column('e', { kind: 'enum', labels: ['x'], named: undefined }),
  ]
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
  ['SELECT d + v FROM t', /a DATE plus or minus an INTERVAL/],
  ['SELECT date_add(d, INTERVAL 1 DAY) FROM t', /a DATE plus or minus an INTERVAL/],
  ["SELECT date_trunc('month', d) FROM t", /date_trunc of a DATE/],
  ['SELECT CAST(f AS DECIMAL(10,2)) FROM t', /a DOUBLE cast to DECIMAL/],
  ['SELECT 1.5e0::DECIMAL(2,1)', /a DOUBLE cast to DECIMAL/],
  ["SELECT map_extract(m, 'k')", /the values of a MAP that is NULL/],
  ['SELECT row(1, 2)', /the fields of row/],
  ["SELECT j -> 'a'", /a is null in the JSON/],
  ['SELECT INTERVAL 1 DAY / n FROM t', /an INTERVAL divided/],
  ['SELECT hash(f) FROM t', /hash gives another number/],
  ["SELECT datediff('week', d, d) FROM t", /another number of weeks/],
  ['SELECT ceil(n) FROM t', /ceil of the DECIMAL/],
  ['SELECT fmod(f, 2) FROM t', /fdiv and fmod by 0/],
  ["SELECT contains(l, 'a') FROM t", /looked at its text/],
  ['SELECT repeat([1], 2)', /looked at its text/],
  ['SELECT repeat(main.list_value(1), 2)', /looked at its text/],
  ['SELECT contains(CAST(x AS VARCHAR[]), 1)', /looked at its text/],
  ['SELECT list_concat(l, l) FROM t', /all NULL were NULL/],
  ['SELECT l + l FROM t', /all NULL were NULL/],
  ['SELECT NULL + [1]', /all NULL were NULL/],
  ['SELECT "add"(NULL, l) FROM t', /all NULL were NULL/],
  ['SELECT hex(f) FROM t', /hex and bin of a DOUBLE/],
  ['SELECT typeof(e) FROM t', /typeof gave the name/],
  ['SELECT max_by(d, e), min_by(d, d) FROM t', /took an ENUM for its text/],
  ["SELECT md5_number('a')", /md5_number was a HUGEINT/],
  ['SELECT array_pop_back(l) FROM t', /array_pop_back of \[\]/],
  ['SELECT map(l, l) FROM t', /map of lists that are NULL/],
  ['SELECT CAST(t AS TIMESTAMP_S), t::TIMESTAMP_MS FROM t', /was cut and is rounded/],
  ["SELECT json_object('a', n) FROM t", /was written into JSON/],
  ['SELECT bar(f, 0, 10) FROM t', /bar fills its text/],
  ['SELECT formatReadableDecimalSize(n) FROM t', /wrote '1KB'/],
  ['SELECT approx_count_distinct(d) FROM t', /estimates other numbers/],
  ['SELECT median(n) OVER (ORDER BY n) FROM t', /in a window/],
  ["SELECT json_type(j, '$.a')", /json_type of a null/],
  ['SELECT CAST(l AS VARCHAR) FROM t', /the text of a list/],
  ['SELECT l::TEXT FROM t', /the text of a list/],
  ["SELECT 'is ' || s FROM t", /the text of a list/],
  ["SELECT format('{}', s) FROM t", /the text of a list/],
  ["SELECT string_split(x, ',')::VARCHAR", /the text of a list/],
  ['SELECT CAST([f, 1] AS VARCHAR) FROM t', /the text of a list/],
  ["SELECT v || '' FROM t", /the text of an INTERVAL/],
  ["SELECT INTERVAL '-1:30:00'", /the '-' of an INTERVAL/],
  ['SELECT TRY_CAST(x AS INTEGER)', /TRY_CAST was NULL/],
])('%s is reported', async (query, wanted) => {
  const found = await meaningWarnings(TARGET, withView(query), '0.8.1')
  expect(found).toContainEqual(expect.stringMatching(wanted))
})

it.each([
  'SELECT t + INTERVAL 1 DAY FROM t',
  "SELECT coalesce(map_extract(m, 'k'), [])",
  "SELECT j ->> 'a', list_transform(l, x -> x + 1)",
  'SELECT CAST(1 AS DECIMAL(10,2))',
  "SELECT contains(x, 'a'), concat(l[1], 'a'), repeat(len(l), 2), contains(CAST(l[1] AS VARCHAR), 'a') FROM t",
  'SELECT add(len(l), list_value(1)[1]) FROM t',
  'SELECT l[1]::VARCHAR, CAST(l AS VARCHAR[]), CAST(s.a AS VARCHAR) FROM t',
  "SELECT date_diff('day', d, d), map(['a'], [1]) FROM t",
  'SELECT ceil(f), typeof(f), median(f) OVER () FROM t',
  "SELECT max_by(f, d), md5('a'), to_json(f) FROM t",
  "SELECT list_sort(l), j ->> 'a' FROM t",
  'SELECT last(a), first_value(a IGNORE NULLS) OVER () FROM t',
])('%s means what it meant', async (query) => {
  expect(await meaningWarnings(TARGET, withView(query), '0.8.1')).toEqual([])
})

it.each([
  ['SELECT list_sort(l) FROM t', /put NULLs first/],
  ["SELECT j ->> 'a'", /the text 'null'/],
  ['SELECT last(a), last(b) OVER () FROM t', /last was NULL/],
  ['SELECT mode(a) FROM t', /was the smallest of them/],
  ["SELECT list_aggregate(l, 'mode') FROM t", /was the smallest of them/],
  ['SELECT fdiv(a, b) FROM t', /cut towards 0/],
  ['SELECT first_value(a IGNORE NULLS) OVER (ORDER BY d) FROM t', /from behind its frame/],
])('%s of 0.7 is reported', async (query, wanted) => {
  const found = await meaningWarnings(TARGET, withView(query), '0.7.1')
  expect(found.filter((warning) => wanted.test(warning))).toHaveLength(1)
})

it.each([
  ['SELECT week(d) FROM t', /days of December/],
  ['SELECT extract(week FROM d) FROM t', /days of December/],
  ["SELECT date_part('isoyear', d) FROM t", /days of December/],
  ["SELECT date_trunc('isoyear', d) FROM t", /days of December/],
  ['SELECT f::UBIGINT FROM t', /was cut and is rounded/],
])('%s of 0.6 is reported', async (query, wanted) => {
  const found = await meaningWarnings(TARGET, withView(query), '0.6.1')
  expect(found.filter((warning) => wanted.test(warning))).toHaveLength(1)
  expect(await meaningWarnings(TARGET, withView(query), '0.7.1')).not.toContainEqual(
    expect.stringMatching(wanted),
  )
})

it.each([
  ["(x) AS (x['k'])", /a subscript of a MAP/],
  ['(x) AS (main.list_value(9) || x)', /was the list l/],
])('a macro %s is reported', async (definition, wanted) => {
  const map: Column = column('m', {
    kind: 'map',
    key: { kind: 'scalar', name: 'VARCHAR' },
    value: { kind: 'scalar', name: 'INTEGER' },
  })
  const catalog: Catalog = {
    ...EMPTY_CATALOG,
    tables: [{ schema: 'main', name: 't', columns: [map], constraints: [] }],
    macros: [{ schema: 'main', name: 'f', definition }],
  }
  expect(await meaningWarnings(TARGET, catalog, '0.8.1')).toEqual([expect.stringMatching(wanted)])
})

const COLUMNS = {
  maps: new Set<string>(),
  lists: new Set<string>(),
  nested: new Set<string>(),
  enums: new Set<string>(),
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
