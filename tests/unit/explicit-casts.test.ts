import { expect, it } from 'vitest'
import type { Table } from '../../src/migration/catalog/catalog.js'
import { createIndex, createTable } from '../../src/migration/schema/ddl.js'
import { castInIndex, castInTable } from '../../src/migration/meaning/explicit-casts.js'
import type { DuckType, ScalarName } from '../../src/migration/sql/types.js'
import { openTarget } from '../support/target-session.js'

const column = (name: string, type: DuckType): Table['columns'][number] => ({
  name,
  type,
  nullable: true,
  default: undefined,
  generated: undefined,
  collation: undefined,
})
const scalar = (name: ScalarName): DuckType => ({ kind: 'scalar', name })
const TABLE: Table = {
  schema: 'main',
  name: 't',
  columns: [
    column('i', scalar('INTEGER')),
    column('s', scalar('VARCHAR')),
    column('d', scalar('DATE')),
    column('l', { kind: 'list', item: scalar('INTEGER') }),
    column('ts', scalar('TIMESTAMP')),
    column('tm', scalar('TIME')),
    column('st', {
      kind: 'struct',
      fields: [
        { name: 'a', type: scalar('INTEGER') },
        { name: 'b', type: scalar('VARCHAR') },
      ],
    }),
  ],
  constraints: [],
}

it.each([
  ['(length(i) > 1)', '(length(CAST(i AS VARCHAR)) > 1)'],
  [`(i ~~ '1%')`, `(CAST(i AS VARCHAR) ~~ '1%')`],
  ['(length(l) + length(i) + length(s) > 3)', '(((length(l) + length(CAST(i AS VARCHAR))) + length(s)) > 3)'],
  [`("left"(i, 1) = '2')`, `("left"(CAST(i AS VARCHAR), 1) = '2')`],
  [`(upper(lower(d)) <> '')`, `(upper(lower(CAST(d AS VARCHAR))) != '')`],
  [
    `(CASE  WHEN ((s IS NULL)) THEN (i) ELSE s END <> 'a')`,
    `(CASE  WHEN ((s IS NULL)) THEN (CAST(i AS VARCHAR)) ELSE CAST(s AS VARCHAR) END != 'a')`,
  ],
  [`(COALESCE(i, '07') <> '7')`, `(COALESCE(CAST(i AS VARCHAR), CAST('07' AS VARCHAR)) != '7')`],
  [
    `(CASE  WHEN ((i > 1)) THEN (d) ELSE 'x' END = 'x')`,
    `(CASE  WHEN ((i > 1)) THEN (CAST(d AS VARCHAR)) ELSE CAST('x' AS VARCHAR) END = 'x')`,
  ],
  [
    `(CASE  WHEN ((i > 1)) THEN ('a') ELSE NULL END = 'x')`,
    `(CASE  WHEN ((i > 1)) THEN ('a') ELSE NULL END = 'x')`,
  ],
  [`(COALESCE(s, 'a') = 'x')`, `(COALESCE(s, 'a') = 'x')`],
  ['(s > 1.5)', '(CAST(s AS DECIMAL(2,1)) > CAST(1.5 AS DECIMAL(2,1)))'],
  [
    '(s BETWEEN 1 AND 2.5)',
    '(CAST(s AS DECIMAL(11,1)) BETWEEN CAST(1 AS DECIMAL(11,1)) AND CAST(2.5 AS DECIMAL(11,1)))',
  ],
  [`((l || 1) <> s)`, '((CAST(l AS VARCHAR) || CAST(1 AS VARCHAR)) != s)'],
  [`(concat(l, 'a') <> s)`, `(concat(CAST(l AS VARCHAR), CAST('a' AS VARCHAR)) != s)`],
  [
    `(length((l || list_value(s))) > 1)`,
    '(length((CAST(l AS VARCHAR[]) || CAST(list_value(s) AS VARCHAR[]))) > 1)',
  ],
  [
    `(length(list_append(l, 'a')) > 1)`,
    `(length(list_append(CAST(l AS VARCHAR[]), CAST('a' AS VARCHAR))) > 1)`,
  ],
  [
    `(struct_extract(CAST(st AS STRUCT(x INTEGER, y VARCHAR)), 'y') IS NOT NULL)`,
    `(struct_extract(CAST(CASE  WHEN ((st IS NULL)) THEN (NULL) ELSE struct_pack(x := struct_extract(st, 'a'), y := struct_extract(st, 'b')) END AS STRUCT(x INTEGER, y VARCHAR)), 'y') IS NOT NULL)`,
  ],
  ['(CAST(st AS STRUCT(A BIGINT, b VARCHAR)) IS NULL)', '(CAST(st AS STRUCT(A BIGINT, b VARCHAR)) IS NULL)'],
  // No query made a time of such a text.
  [
    `((tm > '9:00:00') OR (ts > '2020-02-03'))`,
    `((CAST(tm AS VARCHAR) > CAST('9:00:00' AS VARCHAR)) OR (CAST(ts AS VARCHAR) > CAST('2020-02-03' AS VARCHAR)))`,
  ],
  ['(i > 1)', '(i > 1)'],
  ['(nonsense(i) > 1)', '(nonsense(i) > 1)'],
])('%s is %s', async (before, after) => {
  const table: Table = { ...TABLE, constraints: [{ kind: 'check', expression: before }] }
  const { cast, unsure } = await castInTable(await openTarget(), table)
  expect(cast.constraints).toEqual([{ kind: 'check', expression: after }])
  expect(unsure).toEqual([])
})

it('asks no value twice that is another each time: a STRUCT of it is reported', async () => {
  const expression = `(CAST(struct_pack(a := random()) AS STRUCT(x DOUBLE)) IS NOT NULL)`
  const table: Table = { ...TABLE, constraints: [{ kind: 'check', expression }] }
  const { cast, unsure } = await castInTable(await openTarget(), table)
  expect(cast.constraints).toEqual([{ kind: 'check', expression }])
  expect(unsure).toEqual([`CHECK (${expression}) of table main.t`])
})

it('tells what compares an ENUM with texts as the target does not', async () => {
  const target = await openTarget()
  const checks = [`(e > 'a')`, `(e = 'c')`, `(e = s)`, `(e = 'a')`, `(e IN ('a', 'c'))`]
  const table: Table = {
    ...TABLE,
    columns: [
      column('e', { kind: 'enum', labels: ['b', 'a'], named: undefined }),
      column('s', scalar('VARCHAR')),
      { ...column('g', scalar('INTEGER')), generated: `(CASE  WHEN ((e < 'b')) THEN (1) ELSE 2 END)` },
    ],
    constraints: checks.map((expression) => ({ kind: 'check', expression })),
  }
  const { unsure } = await castInTable(target, table)
  expect(unsure.toSorted()).toEqual(
    [...checks.slice(0, 3).map((check) => `CHECK (${check}) of table main.t`), 'column main.t.g'].toSorted(),
  )
  const index = { schema: 'main', name: 'ix', table: 't', unique: false, definition: `((e > 'a'))` }
  expect((await castInIndex(target, index, table)).unsure).toEqual(['index main.ix'])
})

it('writes the casts of defaults, generated columns and indexes, so that the target takes them', async () => {
  const target = await openTarget()
  const { cast: table } = await castInTable(target, {
    ...TABLE,
    columns: [
      ...TABLE.columns,
      { ...column('g', scalar('VARCHAR')), generated: `replace(d, '-', '')` },
      { ...column('e', scalar('VARCHAR')), default: 'upper(5)' },
    ],
  })
  await target.query(createTable(table))
  await target.query(`INSERT INTO t (i, d) VALUES (1, DATE '2020-02-03')`)
  expect(await target.query('SELECT g, e FROM t')).toEqual([{ g: '20200203', e: '5' }])
  const index = { schema: 'main', name: 'x', table: 't', unique: true, definition: '((length(i)), s)' }
  const { cast } = await castInIndex(target, index, TABLE)
  expect(cast.definition).toBe('((length(CAST(i AS VARCHAR))), s)')
  await target.query(createIndex(cast))
})

it('compares times with texts in a generated column as the queries did that computed it', async () => {
  const generated = `((tm > '9:00:00') OR (ts > '2020-02-03'))`
  const columns = [...TABLE.columns, { ...column('g', scalar('BOOLEAN')), generated }]
  const done = await castInTable(await openTarget(), { ...TABLE, columns })
  expect(done).toEqual({ cast: { ...TABLE, columns }, unsure: [] })
})

it('leaves everything as it is for a target that casts by itself', async () => {
  const table: Table = { ...TABLE, constraints: [{ kind: 'check', expression: `(i IN ('1'))` }] }
  expect((await castInTable({ ...(await openTarget()), release: '0.8.1' }, table)).cast).toEqual(table)
})
