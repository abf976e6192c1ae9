import { expect, it } from 'vitest'
import type { Catalog } from '../../src/migration/catalog.js'
import { createSchemaCache, schemaKey } from '../../src/migration/schema-cache.js'
import type { BuiltSchema } from '../../src/migration/schema-cache.js'

const built = (name: string): BuiltSchema => ({
  script: { tables: [name], indexes: [], views: [], warnings: [] },
  reference: new Map(),
})
const empty: Catalog = {
  schemas: [],
  types: [],
  sequences: [],
  macros: [],
  tables: [],
  indexes: [],
  views: [],
}

it('keeps what was asked for last', () => {
  const cache = createSchemaCache(2)
  const [a, b, c] = [built('a'), built('b'), built('c')]
  cache.put('a', a)
  cache.put('b', b)
  expect(cache.get('a')).toBe(a)
  cache.put('c', c)
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([a, undefined, c])
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
