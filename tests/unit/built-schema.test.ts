import { expect, it } from 'vitest'
import type { Catalog } from '../../src/migration/catalog/catalog.js'
import { schemaKey } from '../../src/migration/built-schema.js'
import { keepRecent } from '../../src/migration/recent.js'
import { EMPTY_CATALOG } from '../support/empty-catalog.js'

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
    { ...EMPTY_CATALOG, schemas: ['s'] },
    { ...EMPTY_CATALOG, sequences: [sequence] },
    { ...EMPTY_CATALOG, sequences: [{ ...sequence, next: '2' }] },
    { ...EMPTY_CATALOG, sequences: [{ ...sequence, next: undefined }] },
    { ...EMPTY_CATALOG, views: [view] },
    { ...EMPTY_CATALOG, views: [{ ...view, columns: { broken: 'no' } }] },
    { ...EMPTY_CATALOG, macros: [{ schema: 'main', name: 'm', definition: '(a) AS (a)' }] },
  ]
  const keys = [
    schemaKey(EMPTY_CATALOG, ['0.8.1', '1.5.6']),
    schemaKey(EMPTY_CATALOG, ['0.7.1', '1.5.6']),
    ...others.map((catalog) => schemaKey(catalog, ['0.8.1', '1.5.6'])),
  ]
  expect(new Set(keys).size).toBe(keys.length)
  expect(schemaKey({ ...EMPTY_CATALOG }, ['0.8.1', '1.5.6'])).toBe(keys[0])
})
