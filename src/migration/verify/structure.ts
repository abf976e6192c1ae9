import { type Catalog, display, type Sequence, type Table } from '../catalog/catalog.js'
import { type CatalogKind, type CatalogRows, singular } from './catalog-rows.js'
import { difference } from './compare.js'
import { flag, groupBy, list, optionalText, text } from '../sql/row.js'
import type { Row } from '../sql/session.js'

/**
 * Compares the finished file with the source's own catalog, by facts that every release lists alike. The reference
 * database comes from the same CREATE statements as the file, so only this shows a fault of those statements.
 * @throws DuckfleetError `difference`, naming the object.
 */
export function compareStructure(catalog: Catalog, found: CatalogRows): void {
  const rows = (kind: CatalogKind): readonly Row[] => found.get(kind) ?? []
  const compare = (kind: CatalogKind, wanted: readonly string[], show: (row: Row) => string): void => {
    compareNames(singular(kind), wanted, rows(kind).map(show))
  }
  const named =
    (column: string) =>
    (row: Row): string =>
      display({ schema: text(row, 'schema_name'), name: text(row, column) })
  compare('schemas', ['main', ...catalog.schemas], (row) => text(row, 'schema_name'))
  compare('types', catalog.types.map(display), named('type_name'))
  compare('functions', catalog.macros.map(display), named('function_name'))
  compare('tables', catalog.tables.map(display), named('table_name'))
  compare('views', catalog.views.map(display), named('view_name'))
  compare(
    'indexes',
    catalog.indexes.map((i) => showIndex(display(i), i.table, i.unique)),
    (row) => showIndex(named('index_name')(row), text(row, 'table_name'), flag(row, 'is_unique')),
  )
  compare('sequences', catalog.sequences.map(showSequence), showSequenceRow)
  compareColumns(catalog, rows('columns'))
  compareConstraints(catalog, rows('constraints'))
}

function compareNames(kind: string, wanted: readonly string[], found: readonly string[]): void {
  const have = new Set(found)
  const want = new Set(wanted)
  const missing = wanted.find((name) => !have.has(name))
  if (missing !== undefined) throw difference(`the new file lacks the ${kind} ${missing}`)
  const extra = found.find((name) => !want.has(name))
  if (extra !== undefined) throw difference(`the new file has the ${kind} ${extra}, which the source has not`)
}

function showIndex(name: string, table: string, unique: boolean): string {
  return `${name} on ${table}${unique ? ' (unique)' : ''}`
}

function showSequence(sequence: Sequence): string {
  const { min, max, increment, cycle } = sequence
  return `${display(sequence)} from ${min} to ${max} by ${increment}${cycle ? ' cycling' : ''}`
}

function showSequenceRow(row: Row): string {
  const name = display({ schema: text(row, 'schema_name'), name: text(row, 'sequence_name') })
  const cycle = flag(row, 'cycle') ? ' cycling' : ''
  return `${name} from ${text(row, 'min_value')} to ${text(row, 'max_value')} by ${text(row, 'increment_by')}${cycle}`
}

function tableKey(row: Row): string {
  return `${text(row, 'schema_name')}\0${text(row, 'table_name')}`
}

function compareColumns(catalog: Catalog, rows: readonly Row[]): void {
  const found = groupBy(rows, tableKey)
  for (const table of catalog.tables) {
    const wanted = table.columns.map((c) => showColumn(c.name, c.nullable, c.default !== undefined))
    const actual = (found.get(`${table.schema}\0${table.name}`) ?? []).map((row, i) => {
      // Some releases list the expression of a generated column as its default.
      const generated = table.columns[i]?.generated !== undefined
      const value = !generated && optionalText(row, 'column_default') !== undefined
      return showColumn(text(row, 'column_name'), flag(row, 'is_nullable'), value)
    })
    if (wanted.join('\0') !== actual.join('\0'))
      throw difference(
        `table ${display(table)} has the columns (${actual.join(', ')}), in the source they are (${wanted.join(', ')})`,
      )
  }
}

function showColumn(name: string, nullable: boolean, hasDefault: boolean): string {
  return `${name}${nullable ? '' : ' NOT NULL'}${hasDefault ? ' DEFAULT' : ''}`
}

function compareConstraints(catalog: Catalog, rows: readonly Row[]): void {
  const found = groupBy(rows, tableKey)
  for (const table of catalog.tables) {
    const actual = (found.get(`${table.schema}\0${table.name}`) ?? []).flatMap(showRow).sort()
    const wanted = showConstraints(table).sort()
    if (wanted.join('\0') !== actual.join('\0'))
      throw difference(
        `table ${display(table)} has the constraints [${actual.join('; ')}], in the source they are [${wanted.join('; ')}]`,
      )
  }
}

function showRow(row: Row): string[] {
  const kind = text(row, 'constraint_type')
  if (kind === 'NOT NULL') return []
  return [kind === 'CHECK' ? kind : `${kind} (${list(row, 'constraint_column_names').join(', ')})`]
}

function showConstraints(table: Table): string[] {
  return table.constraints.map((constraint) => {
    switch (constraint.kind) {
      case 'check':
        return 'CHECK'
      case 'primary-key':
        return `PRIMARY KEY (${constraint.columns.join(', ')})`
      case 'unique':
        return `UNIQUE (${constraint.columns.join(', ')})`
      case 'foreign-key':
        return `FOREIGN KEY (${constraint.columns.join(', ')})`
      default:
        return constraint satisfies never
    }
  })
}
