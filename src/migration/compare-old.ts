import { digestQuery } from './rows/digest.js'
import { exportTables, verifyExports } from './export.js'
import { sourceRelation, tableTerms } from './rows/plan.js'
import type { Engines } from './ports.js'
import { readSchema, readSource } from './source.js'
import { sourceError } from './transfer-errors.js'
import { allOrStop, type Outcome } from './transfer.js'
import type { VerifyLevel } from './upgrade.js'
import { verifyTarget } from './verify-target.js'

/**
 * Compares a file of 0.4 – 0.8 with one that was made from it, at any time and by anybody: exports the rows again, and
 * compares them with both ends.
 * @throws DuckfleetError `difference`, naming what differs.
 */
export async function compareOld(engines: Engines, level: VerifyLevel): Promise<Outcome> {
  // Nothing that upgrades rely on: what is compared may be their work.
  const source = await readSource(engines, { anew: true })
  const rows = source.counts.reduce((sum, count) => sum + count, 0n)
  engines.expectRows(rows)
  const exports = exportTables(source.database, source.plan, source.counts, {})
  const exported = verifyExports(source.database, exports, level === 'full')
  const schema = readSchema(engines, source, exported)
  await allOrStop(engines, [schema, exported])
  await source.database.close()
  const { catalog, script, reference } = await schema
  const tables = await exported
  await verifyTarget(engines, { catalog, reference, tables, level: level === 'none' ? 'counts' : level })
  return { catalog, rows: Number(rows), warnings: [...source.warnings, ...script.warnings] }
}

/** Proves that a file of 0.4 – 0.8 is a sound database: every value of it is read (`full`), or its catalog. */
export async function readThroughOld(engines: Engines, level: VerifyLevel): Promise<Outcome> {
  const { database, catalog, plan, counts, warnings } = await readSource(engines, { anew: true })
  const rows = counts.reduce((sum, count) => sum + count, 0n)
  engines.expectRows(rows)
  try {
    for (const table of level === 'full' ? plan : [])
      await database.query(digestQuery(sourceRelation(table), tableTerms(table), false))
    return { catalog, rows: Number(rows), warnings }
  } catch (error) {
    throw sourceError(error, 'the file')
  } finally {
    await database.close()
  }
}
