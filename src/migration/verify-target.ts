import type { Catalog } from './catalog/catalog.js'
import { display } from './catalog/catalog.js'
import { type CatalogRows, compareCatalogRows, readCatalogRows } from './verify/catalog-rows.js'
import {
  compareAcross,
  compareRows,
  compareWithin,
  type Digest,
  type Digested,
  readDigest,
} from './verify/compare.js'
import { inGroups } from './sql/groups.js'
import { checkLookups, lookupsOf } from './verify/lookups.js'
import { digestedColumns, parquet, parquetTerms, relation, type TablePlan, tableTerms } from './rows/plan.js'
import type { Engines } from './ports.js'
import { text } from './sql/row.js'
import type { Session } from './sql/session.js'
import { compareStructure } from './verify/structure.js'
import type { VerifyLevel } from './upgrade.js'

/** A table whose rows travelled. */
export interface ExportedTable {
  readonly plan: TablePlan
  /** Parquet files in row order; none for an empty table. */
  readonly files: readonly string[]
  /** Rows that the source counts. */
  readonly rows: string
  /** What the source engine read from its own table; undefined unless values are verified. */
  readonly digest: Digest | undefined
}

export interface Expected {
  readonly catalog: Catalog
  /** What the target release makes of the source's objects. */
  readonly reference: CatalogRows
  readonly tables: readonly ExportedTable[]
  readonly level: Exclude<VerifyLevel, 'none'>
}

/**
 * Proves that the finished file, opened anew, holds what the source holds.
 * @throws DuckfleetError `difference`, naming what differs.
 */
export async function verifyTarget(engines: Pick<Engines, 'openTarget'>, expected: Expected): Promise<void> {
  const target = await engines.openTarget(expected.catalog.database)
  try {
    const found = await readCatalogRows(target, { macros: expected.catalog.macros.length > 0 })
    compareStructure(expected.catalog, found)
    const broken = expected.catalog.views.filter(({ columns }) => 'broken' in columns)
    compareCatalogRows(expected.reference, found, broken)
    for (const some of inGroups(expected.tables))
      await Promise.all(some.map((table) => verifyRows(target, table, expected.level)))
    if (expected.level === 'full') await checkLookups(target, lookupsOf(expected.catalog))
  } finally {
    await target.close()
  }
}

async function verifyRows(target: Session, table: ExportedTable, level: Expected['level']): Promise<void> {
  const { plan, files, rows, digest } = table
  const name = display(plan.table)
  if (level === 'counts' || !digest || files.length === 0) {
    const [row] = await target.query(`SELECT CAST(count(*) AS VARCHAR) AS n FROM ${relation(plan)}`)
    compareRows(name, { name: SOURCE, rows }, { name: NEW_FILE, rows: row ? text(row, 'n') : '0' })
    return
  }
  const travelled: Digested = {
    name: 'exported data',
    relation: parquet(files),
    terms: parquetTerms(plan, 'target'),
    chained: false,
  }
  const stored: Digested = {
    name: NEW_FILE,
    relation: relation(plan),
    terms: tableTerms(plan),
    chained: true,
  }
  const [out, back] = await Promise.all([readDigest(target, travelled), readDigest(target, stored)])
  const before = { ...travelled, ...out }
  const after = { ...stored, ...back }
  const source = { name: SOURCE, ...digest }
  compareRows(name, source, after)
  await compareWithin(target, name, digestedColumns(plan), before, after, (column) =>
    computedOtherwise(plan, column, target.release),
  )
  compareAcross(name, source, after)
}

const SOURCE = 'source'
const NEW_FILE = 'new file'

function computedOtherwise({ generated }: TablePlan, name: string, release: string): string {
  const column = generated.find((one) => one.column.name === name)?.column
  if (column?.generated === undefined) return ''
  return (
    `: it is generated, and ${release} computes something else from ${column.generated} than the release that wrote the ` +
    'file. Drop the column, or write it so that both compute the same'
  )
}
