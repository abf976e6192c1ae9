import { DuckfleetError } from '../errors.js'
import { text } from './rows.js'
import type { Row } from './session.js'

/** What a `digestQuery` gave. */
export interface Digest {
  readonly rows: string
  /** Comparable within one engine only. */
  readonly content: string
  /** One a term, comparable across engines. */
  readonly fingerprints: readonly string[]
}

export function toDigest(row: Row | undefined, terms: number): Digest {
  if (!row) throw new DuckfleetError('engine', 'the engine gave no digest')
  const fingerprints = Array.from({ length: terms }, (_, i) => text(row, `f${i}`))
  return { rows: text(row, 'n'), content: `${String(row['s'])}:${String(row['x'])}`, fingerprints }
}

/** Who is compared, for the message. */
export interface Sides {
  readonly table: string
  readonly columns: readonly string[]
  readonly left: string
  readonly right: string
}

/**
 * @throws DuckfleetError `difference`, naming the table and, where it shows, the column.
 */
export function compareDigests(left: Digest, right: Digest, sides: Sides, sameEngine: boolean): void {
  const { table, columns } = sides
  if (left.rows !== right.rows)
    throw difference(
      `table ${table} has ${left.rows} rows in the ${sides.left} and ${right.rows} in the ${sides.right}`,
    )
  const at = left.fingerprints.findIndex((fingerprint, i) => fingerprint !== right.fingerprints[i])
  if (at >= 0)
    throw difference(
      `column ${table}.${columns[at] ?? at} has other values in the ${sides.right} than in the ${sides.left}`,
    )
  if (sameEngine && left.content !== right.content)
    throw difference(`table ${table} has other values in the ${sides.right} than in the ${sides.left}`)
}

export function difference(message: string): DuckfleetError {
  return new DuckfleetError('difference', message)
}
