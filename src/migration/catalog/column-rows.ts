import { groupBy, text } from '../sql/row.js'
import { type Row, type Session, SqlError } from '../sql/session.js'
import { ident, literal } from '../sql/sql.js'

/** Up to here, asking one relation after another takes less time than having every column of the engine's own listed. */
const FEW = 24

/**
 * Recorded columns of tables and views, in order, by schema and name. `duckdb_columns()` lists the columns of the
 * engine's own views before it filters, half of the time that a small file's catalog takes: so where relations are few,
 * `pragma_table_info()` is asked for each of them; it shows the same facts.
 *
 * `relations`: schema and name, with a NUL between them. `where`: limits rows to this database.
 */
export async function readColumnRows(
  session: Session,
  where: string,
  relations: readonly string[],
): Promise<ReadonlyMap<string, readonly Row[]>> {
  const few = /^0\.[678]\./.test(session.release) && relations.length <= FEW
  const rows = (few ? await askEach(session, relations) : undefined) ?? (await listAll(session, where))
  return groupBy(rows, (row) => `${text(row, 'schema_name')}\0${text(row, 'table_name')}`)
}

async function listAll(session: Session, where: string): Promise<readonly Row[]> {
  return session.query(
    `SELECT schema_name, table_name, column_name, column_default, is_nullable, data_type
     FROM duckdb_columns() WHERE NOT internal ${where} ORDER BY table_oid, column_index`,
  )
}

/** Undefined where the engine does not find one of them: a name in a text knows no escape for its quotes. */
async function askEach(session: Session, relations: readonly string[]): Promise<Row[] | undefined> {
  if (relations.length === 0) return []
  const names = relations.map((relation) => relation.split('\0'))
  if (names.flat().some((name) => name.includes('"'))) return undefined
  const each = names.map(
    (parts, i) =>
      `SELECT ${i} AS relation, cid, name AS column_name, dflt_value AS column_default, NOT "notnull" AS is_nullable,
         "type" AS data_type FROM pragma_table_info(${literal(parts.map(ident).join('.'))})`,
  )
  try {
    const rows = await session.query(`SELECT * FROM (${each.join(' UNION ALL ')}) q ORDER BY relation, cid`)
    return rows.map((row) => {
      const [schema = '', table = ''] = names[Number(row['relation'])] ?? []
      return { ...row, schema_name: schema, table_name: table }
    })
  } catch (error) {
    if (error instanceof SqlError) return undefined
    throw error
  }
}
