import { DuckfleetError } from '../errors.js'
import { type Constraint, display, type ObjectName } from './catalog.js'
import { names } from './ddl.js'
import { text } from './rows.js'
import { type Session, SqlError } from './session.js'
import { ident } from './sql.js'

export interface Load {
  readonly table: ObjectName
  /** The table as the target names it. */
  readonly into: string
  readonly columns: readonly string[]
  /** SELECT that gives those columns. */
  readonly rows: string
  readonly constraints: readonly Constraint[]
}

type ForeignKey = Extract<Constraint, { kind: 'foreign-key' }>

/**
 * Loads rows into a table. An engine checks foreign keys statement by statement, so a row and its parent in the same
 * table cannot come together (duckdb#10574): then the rows are loaded level by level.
 * @throws DuckfleetError `unsupported` when rows refer to each other in a circle.
 */
export async function loadTable(target: Session, load: Load): Promise<void> {
  const own = ownForeignKeys({ ...load.table, constraints: load.constraints })
  try {
    await target.query(`INSERT INTO ${load.into} (${names(load.columns)}) ${load.rows}`)
  } catch (error) {
    if (own.length === 0 || !(error instanceof SqlError) || !/foreign key/i.test(error.message)) throw error
    await loadByLevel(target, load, own)
  }
}

type Constrained = ObjectName & { readonly constraints: readonly Constraint[] }

export function refersToItself(table: Constrained): boolean {
  return ownForeignKeys(table).length > 0
}

function ownForeignKeys({ schema, name, constraints }: Constrained): ForeignKey[] {
  return constraints.filter(
    (c): c is ForeignKey =>
      c.kind === 'foreign-key' && c.references.schema === schema && c.references.name === name,
  )
}

const WAITING = 'temp.main.duckfleet_waiting'
const LEVEL = 'temp.main.duckfleet_level'
const NUMBER = 'duckfleet_row'

async function loadByLevel(target: Session, load: Load, keys: readonly ForeignKey[]): Promise<void> {
  await target.query(
    `CREATE TEMP TABLE duckfleet_waiting AS SELECT *, row_number() OVER () AS ${NUMBER} FROM (${load.rows}) q`,
  )
  const ready = keys.map((key) => parentIsLoaded(key, load.into)).join(' AND ')
  for (;;) {
    await target.query(`CREATE TEMP TABLE duckfleet_level AS SELECT * FROM ${WAITING} w WHERE ${ready}`)
    const [row] = await target.query(`SELECT CAST(count(*) AS VARCHAR) AS n FROM ${LEVEL}`)
    const empty = !row || text(row, 'n') === '0'
    if (!empty) {
      await target.query(
        `INSERT INTO ${load.into} (${names(load.columns)}) SELECT ${names(load.columns)} FROM ${LEVEL} ORDER BY ${NUMBER}`,
      )
      await target.query(`DELETE FROM ${WAITING} WHERE ${NUMBER} IN (SELECT ${NUMBER} FROM ${LEVEL})`)
    }
    await target.query(`DROP TABLE ${LEVEL}`)
    if (empty) break
  }
  const [left] = await target.query(`SELECT CAST(count(*) AS VARCHAR) AS n FROM ${WAITING}`)
  await target.query(`DROP TABLE ${WAITING}`)
  if (left && text(left, 'n') !== '0')
    throw new DuckfleetError(
      'unsupported',
      `table ${display(load.table)}: ${text(left, 'n')} rows refer to each other in a circle, which no INSERT can make`,
    )
}

function parentIsLoaded(key: ForeignKey, table: string): string {
  const pairs = key.columns.map((column, i) => `p.${ident(key.referenced[i] ?? '')} = w.${ident(column)}`)
  const anyNull = key.columns.map((column) => `w.${ident(column)} IS NULL`).join(' OR ')
  return `(${anyNull} OR EXISTS (SELECT 1 FROM ${table} p WHERE ${pairs.join(' AND ')}))`
}
