import { createHash } from 'node:crypto'
import type { CatalogRows } from './verify/catalog-rows.js'
import type { Catalog } from './catalog/catalog.js'
import type { SchemaScript } from './schema/schema-script.js'

/** What a catalog becomes in the target: it follows from the catalog and the two releases, and from nothing else. */
export interface BuiltSchema {
  readonly script: SchemaScript
  readonly reference: CatalogRows
}

/** The same for two catalogs that are equal in everything. */
export function schemaKey(
  { database, schemas, types, sequences, macros, tables, indexes, views }: Catalog,
  releases: readonly string[],
): string {
  const all = JSON.stringify([releases, database, schemas, types, sequences, macros, tables, indexes, views])
  return createHash('sha256').update(all).digest('hex')
}
