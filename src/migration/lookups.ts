import { type Catalog, display, type ObjectName } from './catalog.js'
import { difference } from './compare.js'
import type { Cell, Session } from './session.js'
import { ident, literal, qualified, splitList, tokenize } from './sql.js'
import { renderType, resolveType } from './types.js'

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
  for (const lookup of lookups) await checkLookup(target, lookup)
}

async function checkLookup(target: Session, { what, table, columns }: Lookup): Promise<void> {
  const relation = qualified(table.schema, table.name)
  const present = columns.map(({ name }) => `${ident(name)} IS NOT NULL`).join(' AND ')
  const values = columns.map(({ name }, i) => `CAST(${ident(name)} AS VARCHAR) AS v${i}`).join(', ')
  const [sample] = await target.query(`SELECT ${values} FROM ${relation} WHERE ${present} LIMIT 1`)
  if (!sample) return
  const constants = columns.map(({ type }, i) => constant(type, sample[`v${i}`]))
  const equal = columns.map(({ name }, i) => `${ident(name)} = ${constants[i] ?? ''}`)
  // A condition on an expression is never answered from the index.
  const scanned = columns.map(
    ({ name }, i) => `CASE WHEN true THEN ${ident(name)} END = ${constants[i] ?? ''}`,
  )
  const count = (conditions: readonly string[]): string =>
    `SELECT CAST(count(*) AS VARCHAR) AS n FROM ${relation} WHERE ${conditions.join(' AND ')}`
  const counts = await target.query(`${count(equal)} UNION ALL ${count(scanned)}`)
  const [byIndex, byScan] = counts.map((row) => row['n'])
  if (byIndex !== byScan || byIndex === '0')
    throw difference(`${what} finds ${String(byIndex)} rows where there are ${String(byScan)}`)
}

function constant(type: string, value: Cell | undefined): string {
  return `CAST(${literal(String(value))} AS ${type})`
}
