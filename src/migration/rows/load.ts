import { DuckfleetError } from '../../errors.js'
import { type Constraint, display, type ObjectName } from '../catalog/catalog.js'
import { names } from '../schema/ddl.js'
import { text } from '../sql/row.js'
import { type Session, SqlError } from '../sql/session.js'
import { ident } from '../sql/sql.js'

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
 * table cannot come together (duckdb#10574): then the rows are loaded in several statements, in their order where parents
 * come before their children and not too many statements are needed, else parents first.
 * @throws DuckfleetError `unsupported` when rows refer to each other in a circle.
 */
export async function loadTable(target: Session, load: Load): Promise<void> {
  const own = ownForeignKeys({ ...load.table, constraints: load.constraints })
  try {
    await target.query(`INSERT INTO ${load.into} (${names(load.columns)}) ${load.rows}`)
  } catch (error) {
    if (own.length === 0 || !(error instanceof SqlError) || !/foreign key/i.test(error.message)) throw error
    await loadInSteps(target, load, own)
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

/** Statements that the order of the rows may cost. */
const MOST_STEPS = 10_000
/** Rows whose parents are looked up at a time. */
const AT_A_TIME = 100_000

/** Names that collide with none of the table's: an engine would take its column, or its table, instead. */
interface Names {
  /** Temporary tables. */
  readonly waiting: string
  readonly level: string
  /** A column: the number of the row. */
  readonly row: string
  /** Aliases. */
  readonly child: string
  readonly parent: string
}

function namesFor({ table, columns }: Load): Names {
  const taken = new Set([table.name, ...columns].map((name) => name.toLowerCase()))
  const free = (name: string): string => (taken.has(name) ? free(`${name}_`) : name)
  return {
    waiting: `temp.main.${free('duckfleet_waiting')}`,
    level: `temp.main.${free('duckfleet_level')}`,
    row: free('duckfleet_row'),
    child: free('duckfleet_child'),
    parent: free('duckfleet_parent'),
  }
}

/** All rows or none: where a parent is missing in another table, these rows are loaded again once it is there. */
async function loadInSteps(target: Session, load: Load, keys: readonly ForeignKey[]): Promise<void> {
  await target.query('BEGIN')
  try {
    await takeSteps(target, load, keys)
    await target.query('COMMIT')
  } catch (error) {
    await target.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

async function takeSteps(target: Session, load: Load, keys: readonly ForeignKey[]): Promise<void> {
  const all = namesFor(load)
  const { waiting, row } = all
  await target.query(
    `CREATE TEMP TABLE ${waiting} AS SELECT *, row_number() OVER () AS ${row} FROM (${load.rows}) q`,
  )
  const steps = await stepsInOrder(target, keys, all)
  if (steps === undefined) await loadByLevel(target, load, keys, all)
  else
    for (const { from, to } of steps)
      await target.query(
        `${insertInto(load)} FROM ${waiting} WHERE ${row} BETWEEN ${from} AND ${to} ORDER BY ${row}`,
      )
  await target.query(`DROP TABLE ${waiting}`)
}

function insertInto({ into, columns }: Load): string {
  return `INSERT INTO ${into} (${names(columns)}) SELECT ${names(columns)}`
}

/** Ranges of rows, none of which holds a row and its parent; undefined where a parent comes late, or for too many. */
async function stepsInOrder(
  target: Session,
  keys: readonly ForeignKey[],
  { waiting, row, child, parent }: Names,
): Promise<{ from: number; to: number }[] | undefined> {
  const [counted] = await target.query(`SELECT CAST(count(*) AS VARCHAR) AS n FROM ${waiting}`)
  const rows = counted ? Number(text(counted, 'n')) : 0
  const joins = keys.map((key, k) => {
    const pairs = key.columns.map(
      (column, i) => `${parent}${k}.${ident(key.referenced[i] ?? '')} = ${child}.${ident(column)}`,
    )
    return `LEFT JOIN ${waiting} ${parent}${k} ON ${pairs.join(' AND ')}`
  })
  const latest = keys.map((_, k) => `coalesce(${parent}${k}.${row}, 0)`).join(', ')
  const steps: { from: number; to: number }[] = []
  let from = 1
  for (let at = 1; at <= rows; at += AT_A_TIME) {
    const found = await target.query(
      `SELECT CAST(r AS VARCHAR) AS r, CAST(p AS VARCHAR) AS p FROM (
         SELECT ${child}.${row} AS r, greatest(${latest}, 0) AS p FROM ${waiting} ${child} ${joins.join(' ')}
         WHERE ${child}.${row} BETWEEN ${at} AND ${at + AT_A_TIME - 1}) q WHERE p >= ${from} ORDER BY q.r`,
    )
    for (const one of found) {
      const [child, parent] = [Number(text(one, 'r')), Number(text(one, 'p'))]
      if (parent >= child) return undefined
      if (parent < from) continue
      if (steps.push({ from, to: child - 1 }) === MOST_STEPS) return undefined
      from = child
    }
  }
  return [...steps, { from, to: rows }]
}

async function loadByLevel(
  target: Session,
  load: Load,
  keys: readonly ForeignKey[],
  all: Names,
): Promise<void> {
  const { waiting, level, row, child } = all
  const ready = keys.map((key) => parentIsLoaded(key, load.into, all)).join(' AND ')
  for (;;) {
    await target.query(`CREATE TEMP TABLE ${level} AS SELECT * FROM ${waiting} ${child} WHERE ${ready}`)
    const [counted] = await target.query(`SELECT CAST(count(*) AS VARCHAR) AS n FROM ${level}`)
    const empty = !counted || text(counted, 'n') === '0'
    if (!empty) {
      await target.query(`${insertInto(load)} FROM ${level} ORDER BY ${row}`)
      await target.query(`DELETE FROM ${waiting} WHERE ${row} IN (SELECT ${row} FROM ${level})`)
    }
    await target.query(`DROP TABLE ${level}`)
    if (empty) break
  }
  const [left] = await target.query(`SELECT CAST(count(*) AS VARCHAR) AS n FROM ${waiting}`)
  if (left && text(left, 'n') !== '0')
    throw new DuckfleetError(
      'unsupported',
      `table ${display(load.table)}: ${text(left, 'n')} rows refer to each other in a circle, which no INSERT can make`,
    )
}

function parentIsLoaded(key: ForeignKey, table: string, { child, parent }: Names): string {
  const pairs = key.columns.map(
    (column, i) => `${parent}.${ident(key.referenced[i] ?? '')} = ${child}.${ident(column)}`,
  )
  const anyNull = key.columns.map((column) => `${child}.${ident(column)} IS NULL`).join(' OR ')
  return `(${anyNull} OR EXISTS (SELECT 1 FROM ${table} ${parent} WHERE ${pairs.join(' AND ')}))`
}
