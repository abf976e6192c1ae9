import { DuckfleetError } from '../../errors.js'
import { chainCount, columnsQuery, digestQuery, type DigestTerm } from '../rows/digest.js'
import { text } from '../sql/row.js'
import type { Row, Session } from '../sql/session.js'
import { renderType } from '../sql/types.js'

/** What a {@link digestQuery} gave. */
export interface Digest {
  readonly rows: string
  /** Comparable within one engine only. */
  readonly content: string
  /** Comparable across engines; none where they were not asked for. */
  readonly chains: readonly string[]
}

/** A relation to compare with another one of the same columns. */
export interface Digested {
  /** For the message, such as `new file`. */
  readonly name: string
  /** As SQL. */
  readonly relation: string
  readonly terms: readonly DigestTerm[]
  /** Is it to be compared across engines too? */
  readonly chained: boolean
}

/**
 * Reads two relations in one engine and compares them, value by value; gives their digests.
 * @throws DuckfleetError `difference`, naming the table and, where it shows, the column.
 */
export async function compareRelations(
  session: Session,
  table: string,
  columns: readonly string[],
  left: Digested,
  right: Digested,
): Promise<Digest> {
  const [a, b] = await Promise.all([readDigest(session, left), readDigest(session, right)])
  await compareWithin(session, table, columns, { ...left, ...a }, { ...right, ...b })
  return a
}

/**
 * Compares what one engine read of two relations. `explain`: what more to say of a column that differs.
 * @throws DuckfleetError `difference`, naming the table and, where it shows, the column.
 */
export async function compareWithin(
  session: Session,
  table: string,
  columns: readonly string[],
  left: Digested & Digest,
  right: Digested & Digest,
  explain: (column: string) => string = () => '',
): Promise<void> {
  compareRows(table, left, right)
  if (left.content === right.content) return
  const found = await columnThatDiffers(session, columns, left, right)
  if (found === undefined) throw otherValues(`table ${table}`, left, right)
  const { column, type, inSigns } = found
  const error = otherValues(`column ${table}.${column}`, left, right, inSigns ? SIGNS : explain(column))
  throw holdsFraction(type) ? new FractionsDiffer(error.message) : error
}

/**
 * Compares what two engines read.
 * @throws DuckfleetError `difference`, naming the table.
 */
export function compareAcross(table: string, left: Side & Digest, right: Side & Digest): void {
  compareRows(table, left, right)
  if (left.chains.join() !== right.chains.join()) throw otherValues(`table ${table}`, left, right)
}

interface Side {
  readonly name: string
}

/** @throws DuckfleetError `difference` */
export function compareRows(
  table: string,
  left: Side & Pick<Digest, 'rows'>,
  right: Side & Pick<Digest, 'rows'>,
): void {
  if (left.rows === right.rows) return
  throw difference(
    `table ${table} has ${left.rows} rows in the ${left.name} and ${right.rows} in the ${right.name}`,
  )
}

export async function readDigest(session: Session, { relation, terms, chained }: Digested): Promise<Digest> {
  const row = only(await session.query(digestQuery(relation, terms, chained)))
  const content = `${String(row['s'])}:${String(row['x'])}`
  const count = chained ? chainCount(terms) : 0
  const chains = Array.from({ length: count }, (_, i) => String(row[`c${i}`]))
  return { rows: text(row, 'n'), content, chains }
}

const SIGNS =
  ': the signs of its zeros. DuckDB keeps one sign for as many rows as it stores together when all of them are 0: with the ' +
  'release that wrote the file, make them alike (add 0 to the column), or keep the column as text'

/** Values that hold FLOATs or DOUBLEs differ: maybe only in the signs of zeros, which a target loses that writes runs. */
export class FractionsDiffer extends DuckfleetError {
  constructor(message: string) {
    super('difference', message)
  }
}

function holdsFraction(type: DigestTerm['type'] | undefined): boolean {
  return type === 'opaque' || (type !== undefined && /\b(FLOAT|DOUBLE)\b/.test(renderType(type)))
}

interface ColumnDifference {
  readonly column: string
  readonly type: DigestTerm['type'] | undefined
  /** Do only zeros differ, in their signs? */
  readonly inSigns: boolean
}

/** Undefined where the columns hold the same values, in other rows. */
async function columnThatDiffers(
  session: Session,
  columns: readonly string[],
  left: Digested,
  right: Digested,
): Promise<ColumnDifference | undefined> {
  const rows = await Promise.all(
    [left, right].map(({ relation, terms }) => session.query(columnsQuery(relation, terms))),
  )
  const [a, b] = rows.map(([row]) => row)
  const differs = (sum: string): boolean => a?.[sum] !== b?.[sum]
  const at = columns.findIndex((_, i) => differs(`f${i}`))
  const column = columns[at]
  if (column === undefined) return undefined
  return { column, type: left.terms[at]?.type, inSigns: !differs(`p${at}`) }
}

function only([row]: readonly Row[]): Row {
  if (!row) throw new DuckfleetError('engine', 'the engine gave no digest')
  return row
}

function otherValues(what: string, left: Side, right: Side, more = ''): DuckfleetError {
  return difference(`${what} has other values in the ${right.name} than in the ${left.name}${more}`)
}

export function difference(message: string): DuckfleetError {
  return new DuckfleetError('difference', message)
}
