import type { Catalog, Table } from './catalog.js'
import { display } from './catalog.js'
import { difference } from './compare.js'
import { flag, groupBy, list, optionalText, text } from './rows.js'
import type { Row, Session } from './session.js'
import { hasMapKeys } from './type-reader.js'

/**
 * Compares the finished file with the source's own catalog, by facts that every release lists alike. The reference
 * database comes from the same CREATE statements as the file, so only this shows a fault of those statements.
 * @throws DuckfleetError `difference`, naming the object.
 */
export async function compareStructure(catalog: Catalog, target: Session): Promise<void> {
  const here = 'database_name = current_database()'
  compareNames('schema', catalog.schemas, await namesOf(target, 'schemas', `NOT internal AND schema_name <> 'main' AND ${here}`, 'schema_name'))
  await compareObjects(target, 'types', 'type_name', catalog.types, `NOT internal AND ${here}`)
  await compareObjects(target, 'sequences', 'sequence_name', catalog.sequences, here)
  await compareObjects(target, 'functions', 'function_name', catalog.macros, `function_type IN ('macro', 'table_macro') AND NOT internal AND ${here}`)
  await compareObjects(target, 'tables', 'table_name', catalog.tables, `NOT internal AND ${here}`)
  await compareObjects(target, 'views', 'view_name', catalog.views, `NOT internal AND ${here}`)
  await compareObjects(target, 'indexes', 'index_name', catalog.indexes, here)
  const indexes = await target.query(`SELECT schema_name, index_name, table_name, is_unique FROM duckdb_indexes() WHERE ${here}`)
  compareNames('index', catalog.indexes.map((i) => `${display(i)} on ${i.table}, ${i.unique ? 'unique' : 'not unique'}`),
    indexes.map((row) => `${text(row, 'schema_name')}.${text(row, 'index_name')} on ${text(row, 'table_name')}, ${flag(row, 'is_unique') ? 'unique' : 'not unique'}`)) // prettier-ignore
  await compareColumns(catalog, target, here)
  await compareConstraints(catalog, target, here)
  await compareSequences(catalog, target, here)
}

interface Named {
  readonly schema: string
  readonly name: string
}

async function namesOf(target: Session, fn: string, where: string, column: string): Promise<string[]> {
  const rows = await target.query(`SELECT DISTINCT ${column} AS name FROM duckdb_${fn}() WHERE ${where}`)
  return rows.map((row) => text(row, 'name'))
}

async function compareObjects(target: Session, fn: string, column: string, objects: readonly Named[], where: string): Promise<void> {
  const rows = await target.query(`SELECT DISTINCT schema_name, ${column} AS name FROM duckdb_${fn}() WHERE ${where}`)
  const kind = fn === 'indexes' ? 'index' : fn === 'functions' ? 'macro' : fn.replace(/s$/, '')
  compareNames(kind, objects.map(display), rows.map((row) => display({ schema: text(row, 'schema_name'), name: text(row, 'name') })))
}

function compareNames(kind: string, wanted: readonly string[], found: readonly string[]): void {
  const have = new Set(found)
  const want = new Set(wanted)
  const missing = wanted.find((name) => !have.has(name))
  if (missing !== undefined) throw difference(`the new file lacks the ${kind} ${missing}`)
  const extra = found.find((name) => !want.has(name))
  if (extra !== undefined) throw difference(`the new file has the ${kind} ${extra}, which the source has not`)
}

async function compareColumns(catalog: Catalog, target: Session, here: string): Promise<void> {
  const rows = await target.query(
    `SELECT schema_name, table_name, column_name, is_nullable, column_default FROM duckdb_columns() WHERE NOT internal AND ${here}
     ORDER BY table_oid, column_index`,
  )
  const found = groupBy(rows, (row) => `${text(row, 'schema_name')}\0${text(row, 'table_name')}`)
  for (const table of catalog.tables) {
    const have = found.get(`${table.schema}\0${table.name}`) ?? []
    const show = (name: string, nullable: boolean, value: boolean): string => `${name}${nullable ? '' : ' NOT NULL'}${value ? ' DEFAULT' : ''}`
    const wanted = table.columns.map((c) => show(c.name, c.nullable, c.default !== undefined))
    const actual = have.map((row, i) => {
      // Some releases list the expression of a generated column as its default.
      const generated = table.columns[i]?.generated !== undefined
      return show(text(row, 'column_name'), flag(row, 'is_nullable'), !generated && optionalText(row, 'column_default') !== undefined)
    })
    if (wanted.join('\0') !== actual.join('\0'))
      throw difference(`table ${display(table)} has the columns (${actual.join(', ')}), in the source they are (${wanted.join(', ')})`)
  }
}

async function compareConstraints(catalog: Catalog, target: Session, here: string): Promise<void> {
  const rows = await target.query(`SELECT * FROM duckdb_constraints() WHERE ${here}`)
  const found = groupBy(rows, (row) => `${text(row, 'schema_name')}\0${text(row, 'table_name')}`)
  for (const table of catalog.tables) {
    const actual = (found.get(`${table.schema}\0${table.name}`) ?? []).flatMap(showRow).sort()
    const wanted = showConstraints(table).sort()
    if (wanted.join('\0') !== actual.join('\0'))
      throw difference(`table ${display(table)} has the constraints [${actual.join('; ')}], in the source they are [${wanted.join('; ')}]`)
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

async function compareSequences(catalog: Catalog, target: Session, here: string): Promise<void> {
  const rows = await target.query(
    `SELECT schema_name, sequence_name, CAST(min_value AS VARCHAR) AS "min", CAST(max_value AS VARCHAR) AS "max",
       CAST(increment_by AS VARCHAR) AS "by", cycle, CAST(start_value AS VARCHAR) AS "start" FROM duckdb_sequences() WHERE ${here}`,
  )
  for (const sequence of catalog.sequences) {
    const row = rows.find((r) => text(r, 'schema_name') === sequence.schema && text(r, 'sequence_name') === sequence.name)
    if (!row) continue
    const same =
      text(row, 'min') === sequence.min && text(row, 'max') === sequence.max && text(row, 'by') === sequence.increment &&
      flag(row, 'cycle') === sequence.cycle && (sequence.next === 'exhausted' || !hasMapKeys(target.release) || text(row, 'start') === sequence.next) // prettier-ignore
    if (!same) throw difference(`sequence ${display(sequence)} has other limits or another next value than in the source`)
  }
}
