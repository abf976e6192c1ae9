import type { Catalog } from '../../src/migration/catalog/catalog.js'

/** The catalog of a database that holds nothing. */
export const EMPTY_CATALOG: Catalog = {
  database: undefined,
  schemas: [],
  types: [],
  sequences: [],
  macros: [],
  tables: [],
  indexes: [],
  views: [],
}
