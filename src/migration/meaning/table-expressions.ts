import type { Table } from '../catalog/catalog.js'

/** Where an expression of a table stands. A DEFAULT knows no row. */
type Place = 'default' | 'generated' | 'check'

/** The expressions of a table: those of its columns, then its CHECKs. */
export function tableExpressions({ columns, constraints }: Table): string[] {
  return [
    ...columns.flatMap((column) => [column.default, column.generated].filter((sql) => sql !== undefined)),
    ...constraints.flatMap((one) => (one.kind === 'check' ? [one.expression] : [])),
  ]
}

/** The table with every expression changed. */
export function withExpressions(table: Table, change: (sql: string, place: Place) => string): Table {
  const changed = (sql: string | undefined, place: Place): string | undefined =>
    sql === undefined ? undefined : change(sql, place)
  return {
    ...table,
    columns: table.columns.map((column) => ({
      ...column,
      default: changed(column.default, 'default'),
      generated: changed(column.generated, 'generated'),
    })),
    constraints: table.constraints.map((one) =>
      one.kind === 'check' ? { ...one, expression: change(one.expression, 'check') } : one,
    ),
  }
}
