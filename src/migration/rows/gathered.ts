import { relation, type TransferPlan } from './plan.js'
import type { Database } from '../ports.js'
import { text } from '../sql/row.js'
import { isNested, resolveType } from '../sql/types.js'

/*
 * 0.6 looks into lists and maps of other rows, or breaks, where some are left out of those that it read together, as deleted
 * rows are. Where a table is sorted into the order that it has, its rows are copied before; that takes twice as long, and
 * memory, so it is done where rows are missing.
 */

/** The plan with the tables marked that have to be gathered. `counts`: their rows. */
export async function gatherTables(
  source: Database,
  plan: TransferPlan,
  counts: readonly bigint[],
): Promise<TransferPlan> {
  if (!/^0\.[4-6]\./.test(source.release)) return plan
  return await Promise.all(
    plan.map(async (table, i) => {
      const { columns } = table.table
      const nested = columns.some(({ type }) => isNested(resolveType(type)))
      // A column of that name hides the number of the row.
      const numbered = columns.every(({ name }) => name.toLowerCase() !== 'rowid')
      if (!nested || !numbered || counts[i] === 0n) return table
      const [row] = await source.query(`SELECT CAST(max(rowid) AS VARCHAR) AS last FROM ${relation(table)}`)
      return { ...table, gathered: row !== undefined && BigInt(text(row, 'last')) + 1n !== counts[i] }
    }),
  )
}
