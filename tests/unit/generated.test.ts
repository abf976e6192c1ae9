import { describe, expect, it } from 'vitest'
import type { Catalog } from '../../src/migration/catalog/catalog.js'
import {
  columnKey,
  incomparableColumns,
  notCompared,
  volatileColumns,
} from '../../src/migration/catalog/generated.js'
import { SqlError } from '../../src/migration/sql/session.js'

const MACROS = [
  { name: 'Dice', definition: '() AS random()' },
  { name: 'dices', definition: '(n) AS dice() * n' },
  { name: 'twice', definition: '(n) AS n * 2' },
]

describe('a generated column', () => {
  it.each([
    ['random()', true],
    ['"random"()', true],
    ['(CAST(now() AS TIMESTAMP) > a)', true],
    ['current_date', true],
    ['get_current_timestamp()', true],
    ['age(a)', true],
    ['age(a, b)', false],
    ['dices(2)', true],
    ['twice(2)', false],
    ["'random()'", false],
    ['(random + today)', false],
    ['"current_date"', false],
    ['(a + 1)', false],
  ])('of %s gives another value at each look: %s', (expression, volatile) => {
    const table = { schema: 's', name: 't' }
    const found = volatileColumns([{ table, column: 'g', expression }], MACROS)
    expect([...found.keys()]).toEqual(volatile ? [columnKey(table, 'g')] : [])
  })
})

it('what the source engine cannot compute is not compared, and named', async () => {
  const column = { nullable: true, default: undefined, collation: undefined }
  const catalog: Pick<Catalog, 'tables' | 'macros'> = {
    macros: [],
    tables: [
      {
        schema: 'main',
        name: 't',
        constraints: [],
        columns: [
          {
            ...column,
            name: 'z',
            type: { kind: 'scalar', name: 'TIMESTAMP WITH TIME ZONE' },
            generated: undefined,
          },
          { ...column, name: 'g', type: { kind: 'scalar', name: 'BIGINT' }, generated: 'year(z)' },
          { ...column, name: 'h', type: { kind: 'scalar', name: 'BIGINT' }, generated: '1' },
        ],
      },
    ],
  }
  const session = {
    release: '0.8.1',
    query: (sql: string) =>
      sql.includes('"g"') ? Promise.reject(new SqlError('Binder Error: year', sql)) : Promise.resolve([]),
  }
  expect(notCompared(await incomparableColumns(session, catalog))).toEqual([
    'generated column main.t.g is carried, but its values were not compared: the engine that reads the file cannot compute it: Binder Error: year',
  ])
})

it.each([
  ['log((a + 1))', true],
  ['(a ** 2)', true],
  ['(a ^ 2)', true],
  ['sqrt(a)', false],
  ['(a * 2)', false],
])('of %s the last digit depends on the machine: %s', async (generated, inexact) => {
  const column = { nullable: true, default: undefined, collation: undefined, name: 'g' }
  const type = { kind: 'scalar', name: 'DOUBLE' } as const
  const tables = [{ schema: 'main', name: 't', constraints: [], columns: [{ ...column, type, generated }] }]
  const session = { release: '0.8.1', query: () => Promise.resolve([]) }
  const found = await incomparableColumns(session, { tables, macros: [] })
  expect([...found.keys()]).toEqual(inexact ? ['main\0t\0g'] : [])
})

it('one that counts a sequence on is refused: loading its rows would do so', async () => {
  const column = { nullable: true, default: undefined, collation: undefined, name: 'g' }
  const counting = { ...column, type: { kind: 'scalar', name: 'BIGINT' }, generated: `nextval('q')` } as const
  const tables = [{ schema: 'main', name: 't', constraints: [], columns: [counting] }]
  const session = { release: '0.8.1', query: () => Promise.resolve([]) }
  await expect(incomparableColumns(session, { tables, macros: [] })).rejects.toThrow(
    /^generated column main\.t\.g calls nextval/,
  )
})
