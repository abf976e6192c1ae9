import { type Catalog, display, type ObjectName } from '../catalog/catalog.js'
import { difference } from './compare.js'
import { inGroups } from '../sql/groups.js'
import { groupBy, list, text } from '../sql/row.js'
import type { Session } from '../sql/session.js'
import { ident, literal, qualified, splitList, tokenize } from '../sql/sql.js'
import { renderType, resolveType } from '../sql/types.js'

export interface TypedColumn {
  readonly name: string
  /** As SQL. */
  readonly type: string
}

/** Something that answers a lookup: an index or a key. */
export interface Lookup {
  /** For messages. */
  readonly what: string
  readonly table: ObjectName
  readonly columns: readonly TypedColumn[]
}

/** The keys and the indexes on plain columns of a catalog. */
export function lookupsOf(catalog: Catalog): Lookup[] {
  const tables = catalog.tables.map((table) => ({
    ...table,
    typed: table.columns.map(({ name, type }) => ({ name, type: renderType(resolveType(type)) })),
  }))
  const keys = tables.flatMap((table) =>
    table.constraints.flatMap((c): Lookup[] => {
      if (c.kind !== 'primary-key' && c.kind !== 'unique') return []
      const columns = table.typed.filter(({ name }) => c.columns.includes(name))
      return [{ what: `a key of table ${display(table)}`, table, columns }]
    }),
  )
  const indexes = catalog.indexes.flatMap((index): Lookup[] => {
    const table = tables.find((t) => t.schema === index.schema && t.name === index.table)
    const columns = table && plainColumns(index.definition, table.typed)
    return table && columns ? [{ what: `index ${display(index)}`, table, columns }] : []
  })
  return [...keys, ...indexes]
}

/** Columns of an index on columns; undefined for one on expressions, which no lookup by value uses. */
export function plainColumns(definition: string, columns: readonly TypedColumn[]): TypedColumn[] | undefined {
  const found = splitList(definition.slice(1, definition.lastIndexOf(')'))).map((part) => {
    const [token, ...rest] = tokenize(part)
    const name =
      rest.length === 0 && (token?.kind === 'word' || token?.kind === 'quoted') ? token.text : undefined
    return columns.find((column) => column.name.toLowerCase() === name?.toLowerCase())
  })
  return found.every((column) => column !== undefined) ? found : undefined
}

/**
 * Asks every index and key for a row that is there, and compares with what a scan finds. An index that lost rows
 * answers with fewer.
 * @throws DuckfleetError `difference`, naming the index.
 */
export async function checkLookups(target: Session, lookups: readonly Lookup[]): Promise<void> {
  for (const some of inGroups(lookups)) await checkSome(target, some)
}

/** In one statement: it is planned in less time than one for each. */
async function checkSome(target: Session, lookups: readonly Lookup[]): Promise<void> {
  const samples = await target.query(lookups.map(sampleSql).join(' UNION ALL '))
  const counts = samples.flatMap((row) => {
    const lookup = lookups[Number(row['i'])]
    return lookup ? countsSql(lookup, text(row, 'i'), list(row, 'v')) : []
  })
  if (counts.length === 0) return
  const found = groupBy(await target.query(counts.join(' UNION ALL ')), (row) => text(row, 'i'))
  for (const sample of samples) {
    const rows = found.get(text(sample, 'i')) ?? []
    const [byIndex, byScan] = ['index', 'scan'].map((how) => rows.find((row) => row['how'] === how)?.['n'])
    if (byIndex !== byScan || byIndex === '0' || byIndex === undefined) {
      const what = lookups[Number(sample['i'])]?.what ?? ''
      throw difference(`${what} finds ${String(byIndex)} rows where there are ${String(byScan)}`)
    }
  }
}

/** The values of a row that is there, as text; no row where there is none without NULL. */
function sampleSql({ table, columns }: Lookup, i: number): string {
  const present = columns.map(({ name }) => `${ident(name)} IS NOT NULL`).join(' AND ')
  const values = columns.map(({ name }) => `CAST(${ident(name)} AS VARCHAR)`).join(', ')
  return `(SELECT '${i}' AS i, [${values}] AS v FROM ${qualified(table.schema, table.name)} WHERE ${present} LIMIT 1)`
}

/** How many rows have these values: as the index says, and as a scan does. */
function countsSql({ table, columns }: Lookup, i: string, values: readonly string[]): string[] {
  const relation = qualified(table.schema, table.name)
  const constants = columns.map(({ type }, c) => constant(type, values[c] ?? ''))
  const equal = columns.map(({ name }, c) => `${ident(name)} = ${constants[c] ?? ''}`)
  // A condition on an expression is never answered from the index, unless the engine takes the expression away.
  const scanned = columns.map(
    ({ name }, c) => `CASE WHEN ${ident(name)} IS NOT NULL THEN ${ident(name)} END = ${constants[c] ?? ''}`,
  )
  const count = (how: string, conditions: readonly string[]): string =>
    `SELECT '${i}' AS i, '${how}' AS how, CAST(count(*) AS VARCHAR) AS n FROM ${relation} WHERE ${conditions.join(' AND ')}`
  return [count('index', equal), count('scan', scanned)]
}

function constant(type: string, value: string): string {
  // A statement ends at the character 0.
  const text = value.split('\0').map(literal).join(' || chr(0) || ')
  return `CAST((${text}) AS ${type})`
}
