import { createHash } from 'node:crypto'
import type { CatalogRows } from './catalog-rows.js'
import type { Catalog } from './catalog.js'
import type { SchemaScript } from './schema-script.js'

/** What a catalog becomes in the target: it follows from the catalog and the two releases, and from nothing else. */
export interface BuiltSchema {
  readonly script: SchemaScript
  readonly reference: CatalogRows
}

/**
 * The schemas that a worker built last. The files of a fleet tend to hold the same tables, and building their schema takes
 * longer than moving the rows of a small one.
 */
export interface SchemaCache {
  get(key: string): BuiltSchema | undefined
  put(key: string, built: BuiltSchema): void
}

/** `capacity`: how many are kept; the one that was not asked for longest goes first. */
export function createSchemaCache(capacity = 16): SchemaCache {
  const kept = new Map<string, BuiltSchema>()
  return {
    get(key) {
      const found = kept.get(key)
      if (found === undefined) return undefined
      kept.delete(key)
      kept.set(key, found)
      return found
    },
    put(key, built) {
      kept.set(key, built)
      const [oldest] = kept.keys()
      if (kept.size > capacity && oldest !== undefined) kept.delete(oldest)
    },
  }
}

/** The same for two catalogs that are equal in everything. */
export function schemaKey(
  { schemas, types, sequences, macros, tables, indexes, views }: Catalog,
  releases: readonly string[],
): string {
  const all = JSON.stringify([releases, schemas, types, sequences, macros, tables, indexes, views])
  return createHash('sha256').update(all).digest('hex')
}
