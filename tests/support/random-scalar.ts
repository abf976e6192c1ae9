import { literal } from '../../src/migration/sql/sql.js'
import type { Random } from './random.js'

/** How a value is turned into text that every release prints alike: see `canonical`. */
export type Print = 'number' | 'plain' | 'text' | 'blob' | 'interval' | 'micros' | 'instant'

/** A type without parts. */
export interface Scalar {
  readonly sql: string
  readonly print: Print
  /** SQL of a value of exactly this type. */
  readonly value: (random: Random) => string
  /** SQL of the n-th of different values, for keys; undefined: not for keys. */
  readonly key: ((n: number) => string) | undefined
}

/** A type whose values are cast from text. */
export function scalar(
  sql: string,
  print: Print,
  text: (random: Random) => string,
  key?: (n: number) => string,
): Scalar {
  const cast = (value: string): string => `CAST(${literal(value)} AS ${sql})`
  return { sql, print, value: (random) => cast(text(random)), key: key && ((n) => cast(key(n))) }
}
