import { expect, it } from 'vitest'
import type { Catalog } from '../../src/migration/catalog.js'
import { schemaKey } from '../../src/migration/built-schema.js'
import { keepRecent } from '../../src/migration/recent.js'

const empty: Catalog = {
  database: undefined,
  schemas: [],
  types: [],
  sequences: [],
  macros: [],
  tables: [],
  indexes: [],
  views: [],
}

it('keeps what was asked for last', () => {
  const cache = keepRecent<number>(2)
  cache.put('a', 1)
  cache.put('b', 2)
  expect(cache.get('a')).toBe(1)
  cache.put('c', 3)
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, undefined, 3])
  cache.put('a', 4)
  cache.put('d', 5)
  expect([cache.get('a'), cache.get('c'), cache.get('d')]).toEqual([4, undefined, 5])
})

it('tells catalogs apart by anything in them, and by the releases', () => {
  const sequence = { schema: 'main', name: 's', next: '1', increment: '1', min: '1', max: '9', cycle: false }
  const view = { schema: 'main', name: 'v', aliases: '', query: 'SELECT 1', columns: [], recorded: [] }
  const others: Catalog[] = [
    { ...empty, schemas: ['s'] },
    { ...empty, sequences: [sequence] },
    { ...empty, sequences: [{ ...sequence, next: '2' }] },
    { ...empty, sequences: [{ ...sequence, next: undefined }] },
    { ...empty, views: [view] },
    { ...empty, views: [{ ...view, columns: { broken: 'no' } }] },
    { ...empty, macros: [{ schema: 'main', name: 'm', definition: '(a) AS (a)' }] },
  ]
  const keys = [
    schemaKey(empty, ['0.8.1', '1.5.6']),
    schemaKey(empty, ['0.7.1', '1.5.6']),
    ...others.map((catalog) => schemaKey(catalog, ['0.8.1', '1.5.6'])),
  ]
  expect(new Set(keys).size).toBe(keys.length)
  expect(schemaKey({ ...empty }, ['0.8.1', '1.5.6'])).toBe(keys[0])
})
