import { isDeepStrictEqual } from 'node:util'
import { DuckfleetError } from '../errors.js'
import { type BuiltSchema, schemaKey } from './built-schema.js'
import type { Catalog, Macro } from './catalog/catalog.js'
import {
  inThisDatabase,
  readCatalog,
  readRecorded,
  readSequences,
  readViews,
  type SourceCatalog,
  type TableCatalog,
  tryMacros,
} from './catalog/catalog-reader.js'
import { readCatalogRows } from './verify/catalog-rows.js'
import { gatherTables } from './rows/gathered.js'
import { namesItself } from './meaning/own-name.js'
import { canMakeNanos } from './file/releases.js'
import { incomparableColumns, notCompared } from './catalog/generated.js'
import { planTransfer, relation, type TransferPlan } from './rows/plan.js'
import type { Database, Engines } from './ports.js'
import { quoteNames } from './meaning/printed-names.js'
import { databaseInUse } from './relations.js'
import { text } from './sql/row.js'
import type { Row } from './sql/session.js'
import { buildSchema } from './schema/schema-script.js'
import { keepNullOrder } from './meaning/kept-order.js'
import {
  dividesIntegers,
  divisionWarnings,
  keepIntegerDivision,
  readDivisions,
} from './meaning/integer-division.js'
import { exportMacros, listMacros, readPlainMacros } from './scratch.js'
import { sourceError, targetError } from './transfer-errors.js'
import { hasMapKeys } from './catalog/type-reader.js'
import { writeDoubles } from './meaning/typed-numbers.js'
import { refuseShadows } from './catalog/shadows.js'
import { refuseTornWal } from './file/wal.js'

/** The source, read but for its rows. */
export interface Source {
  readonly database: Database
  readonly catalog: SourceCatalog
  readonly plan: TransferPlan
  /** Rows of each table of the plan, in its order. */
  readonly counts: readonly bigint[]
  /** Undefined while they may not be tried yet. */
  readonly tried: Tried | undefined
  /** What its owner should know. */
  readonly warnings: readonly string[]
}

/** What has to be tried to know whether it is broken. */
type Tried = Pick<Catalog, 'views' | 'macros' | 'database'>

/** The statements for the target, and the catalog that they give there. */
export interface Schema extends BuiltSchema {
  readonly catalog: Catalog
}

/**
 * Opens a source of 0.4 – 0.8 and reads everything but rows, and views where trying them has to wait. `anew`: whatever is
 * known of earlier files.
 */
export async function readSource(
  engines: Engines,
  { anew = false }: { readonly anew?: boolean } = {},
): Promise<Source> {
  refuseTornWal(engines.wal)
  const stored = anew ? undefined : await engines.storedCatalog()
  const opened = await openSource(engines)
  try {
    const { database, catalog } = await readObjects(engines, opened, stored)
    const incomparable = await incomparableColumns(database, catalog)
    const skills = {
      mapKeys: hasMapKeys(database.release),
      makeNanos: canMakeNanos(engines.targetRelease),
    }
    const planned = planTransfer(catalog, skills, incomparable)
    const [counts, tried] = await Promise.all([
      countRows(database, planned),
      // Before the export, which the views would wait for otherwise; see readSchema.
      engines.sourceConfined ? tryObjects(database, catalog) : undefined,
    ])
    const plan = await gatherTables(database, planned, counts)
    const warnings = [...catalog.warnings, ...notCompared(incomparable)]
    return { database, catalog, plan, counts, tried, warnings }
  } catch (error) {
    throw sourceError(error, 'its catalog')
  }
}

/**
 * The catalog of a file of which an earlier one held the same objects is known, but for its sequences; the columns of
 * all tables and views are looked at nevertheless. `stored`: what tells it from others.
 */
async function readObjects(
  engines: Engines,
  database: Database,
  stored: string | undefined,
): Promise<Pick<Source, 'database' | 'catalog'>> {
  const key = stored && `${database.release} ${stored}`
  const known = key && engines.catalogs.get(key)
  if (known) {
    const [recorded, sequences] = await Promise.all([readRecorded(database, known), readSequences(database)])
    if (isDeepStrictEqual(recorded, known.recorded)) return { database, catalog: { ...known, sequences } }
  }
  const read = await readAllObjects(engines, database)
  if (key && !read.catalog.toldByRows) engines.catalogs.put(key, read.catalog)
  return read
}

async function readAllObjects(
  engines: Engines,
  database: Database,
): Promise<Pick<Source, 'database' | 'catalog'>> {
  const tables = await readCatalog(database, engines.path('.'))
  const macros = await listMacros(database)
  refuseShadows(macros)
  const plain = await readPlainMacros(database, macros)
  if (plain) return await complete(engines, database, { ...tables, macros: plain })
  // A process of the source engine has one database open at a time.
  await database.close()
  const read = { ...tables, macros: await readMacros(engines, tables, macros) }
  return await complete(engines, await openSource(engines), read)
}

async function complete(
  engines: Engines,
  database: Database,
  read: Omit<SourceCatalog, 'divisions'>,
): Promise<Pick<Source, 'database' | 'catalog'>> {
  const catalog = await corrected(engines, read)
  return { database, catalog: { ...catalog, divisions: await readDivisions(database, catalog) } }
}

/** With what the engine leaves out where it prints expressions. */
async function corrected<T extends Pick<Catalog, 'macros' | 'tables' | 'types'>>(
  engines: Engines,
  catalog: T,
): Promise<T> {
  const numbers = await engines.storedNumbers()
  return quoteNames(numbers ? writeDoubles(catalog, numbers) : catalog)
}

async function openSource(engines: Engines): Promise<Database> {
  const database = await engines.openSource().catch((error: unknown) => {
    throw sourceError(error, 'the file')
  })
  const lost = database.printed.find((line) => /WAL/.test(line))
  if (lost !== undefined)
    throw new DuckfleetError(
      'corrupt',
      `the rows of its .wal cannot be read (${lost.split('\n', 1)[0] ?? ''}): do not open it with the release that wrote it, which would drop them. ATTACH a copy of both there, beside another database, and CHECKPOINT it if the rows are there`,
    )
  return database
}

async function readMacros(
  engines: Engines,
  catalog: TableCatalog,
  macros: Awaited<ReturnType<typeof listMacros>>,
): Promise<readonly Macro[]> {
  const scratch = await engines.openScratch()
  try {
    return await exportMacros(scratch, catalog, macros)
  } finally {
    await scratch.close()
  }
}

async function tryObjects(database: Database, catalog: SourceCatalog): Promise<Tried> {
  const [views, macros, name] = await Promise.all([
    readViews(database, catalog),
    tryMacros(database, catalog.macros),
    ownName(database),
  ])
  const isNamed = name !== undefined && namesItself({ ...catalog, views, macros }, name)
  return { views, macros, database: isNamed ? name : undefined }
}

/** Up to 0.6 a database has no name. */
async function ownName(database: Database): Promise<string | undefined> {
  return inThisDatabase(database.release) === '' ? undefined : await databaseInUse(database)
}

/** Engines nest UNION ALL, and refuse a statement that nests deeper than 1,000 levels. */
const COUNTED_TOGETHER = 200

async function countRows(database: Database, plan: TransferPlan): Promise<bigint[]> {
  const counts = plan.map(
    (table, i) => `SELECT ${i} AS i, CAST(count(*) AS VARCHAR) AS n FROM ${relation(table)}`,
  )
  const rows: Row[] = []
  for (let at = 0; at < counts.length; at += COUNTED_TOGETHER)
    rows.push(...(await database.query(counts.slice(at, at + COUNTED_TOGETHER).join(' UNION ALL '))))
  const byTable = new Map(rows.map((row) => [text(row, 'i'), BigInt(text(row, 'n'))]))
  return plan.map(({ table }, i) => {
    const count = byTable.get(String(i))
    if (count !== undefined) return count
    throw new DuckfleetError(
      'engine',
      `the source engine did not count the rows of ${table.schema}.${table.name}`,
    )
  })
}

/**
 * Tries everything in the reference, an empty database of the target, and views and macros in the source before. Trying a
 * view may run what a stranger wrote: an engine that cannot be confined by its process is locked first, and so has to have
 * exported before.
 */
export async function readSchema(
  engines: Engines,
  source: Source,
  exported: Promise<unknown>,
): Promise<Schema> {
  const catalog: Catalog = { ...source.catalog, ...(source.tried ?? (await tryLate(source, exported))) }
  try {
    const key = schemaKey(catalog, [source.database.release, engines.targetRelease])
    const built = engines.schemas.get(key) ?? (await build(engines, catalog, source))
    engines.schemas.put(key, built)
    return { catalog, ...built }
  } catch (error) {
    throw targetError(error, 'its catalog')
  }
}

async function tryLate({ database, catalog }: Source, exported: Promise<unknown>): Promise<Tried> {
  await exported
  await database.lock()
  return await tryObjects(database, catalog)
}

async function build(engines: Engines, catalog: Catalog, source: Source): Promise<BuiltSchema> {
  const reference = await engines.openReference(catalog.database)
  const [from, to] = [source.database.release, reference.release]
  const { divisions } = source.catalog
  const isOther = dividesIntegers(from) && !dividesIntegers(to)
  const kept = isOther ? keepNullOrder(keepIntegerDivision(catalog, divisions)) : catalog
  const built = await buildSchema(reference, kept, from)
  const warnings = isOther ? divisionWarnings(catalog.views, divisions, from, to) : []
  const script = { ...built, warnings: [...built.warnings, ...warnings] }
  const rows = await readCatalogRows(reference, { macros: catalog.macros.length > 0 })
  await reference.close()
  return { script, reference: rows }
}
