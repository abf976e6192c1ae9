import { type Print, scalar, type Scalar } from './random-scalar.js'
import type { Random } from './random.js'

/** What points in time may be besides a date. */
export const INFINITE = ['infinity', '-infinity', 'epoch']
/** The ends of TIMESTAMP, and a day before Christ. */
export const MICROS = [
  ...INFINITE,
  '294247-01-10 04:00:54.775806',
  '290309-12-22 (BC) 00:00:00',
  '0044-03-15 (BC) 12:00:00',
]

/** A number with zeros before it. */
export function pad(value: number, digits = 2): string {
  return String(value).padStart(digits, '0')
}

/** A date between two years. */
export function day(random: Random, from: number, to: number): string {
  return `${pad(random.int(from, to), 4)}-${pad(random.int(1, 12))}-${pad(random.int(1, 28))}`
}

/** A time with so many digits after the second. */
export function clock(random: Random, digits: number): string {
  const time = `${pad(random.int(0, 23))}:${pad(random.int(0, 59))}:${pad(random.int(0, 59))}`
  return digits === 0 ? time : `${time}.${pad(random.int(0, 10 ** digits - 1), digits)}`
}

/** A type of points in time; `extremes`: values that are worth more than others. */
export function timestamp(
  sql: string,
  digits: number,
  extremes: readonly string[],
  print: Print = 'plain',
): Scalar {
  const text = (random: Random): string => {
    if (random.chance(0.2)) return random.pick(extremes)
    return digits === 9
      ? `${day(random, 1678, 2261)} ${clock(random, 6)}`
      : `${day(random, 1, 9999)} ${clock(random, digits)}`
  }
  return scalar(sql, print, text, (n) => `20${pad(n % 90)}-01-01 00:00:${pad(Math.floor(n / 90))}`)
}

function intervalPart(random: Random, bits: number): string {
  const largest = (1n << BigInt(bits)) - 1n
  if (random.chance(0.1)) return String(random.pick([largest, -largest - 1n, -largest]))
  const size = random.bits(random.chance(0.5) ? 10 : bits)
  return String(random.chance(0.5) ? -size : size)
}

/** Months, days and microseconds of any sign, each up to what it can hold. */
export const INTERVAL: Scalar = {
  sql: 'INTERVAL',
  print: 'interval',
  key: undefined,
  value(random) {
    const part = (bits: number, type: string): string =>
      random.chance(0.4) ? `CAST(0 AS ${type})` : `CAST('${intervalPart(random, bits)}' AS ${type})`
    return `(to_months(${part(31, 'INTEGER')}) + to_days(${part(31, 'INTEGER')}) + to_microseconds(${part(63, 'BIGINT')}))`
  },
}
