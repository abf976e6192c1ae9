import { literal } from '../../src/migration/sql/sql.js'
import { scalar, type Scalar } from './random-scalar.js'
import type { Dialect } from './random-dialect.js'
import { randomText } from './random-text.js'
import { clock, day, INFINITE, INTERVAL, MICROS, pad, timestamp } from './random-times.js'
import type { Random } from './random.js'

function integer(sql: string, bits: number, signed: boolean, least?: bigint): Scalar {
  const largest = (1n << BigInt(signed ? bits - 1 : bits)) - 1n
  const smallest = least ?? (signed ? -largest - 1n : 0n)
  const text = (random: Random): string => {
    if (random.chance(0.2)) return String(random.pick([smallest, largest, 0n, 1n]))
    const size = random.bits(signed ? bits - 1 : bits)
    return String(signed && random.chance(0.5) ? -size : size)
  }
  return scalar(sql, 'number', text, (n) => String(n))
}

function decimal(width: number, scale: number): Scalar {
  const sql = `DECIMAL(${width},${scale})`
  const text = (random: Random): string => {
    const digits = random.chance(0.2)
      ? '9'.repeat(width)
      : random.times(1, width, () => String(random.int(0, 9))).join('')
    const padded = digits.padStart(scale + 1, '0')
    const sign = random.chance(0.4) ? '-' : ''
    return scale === 0 ? `${sign}${digits}` : `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`
  }
  return scalar(sql, 'number', text)
}

function float(sql: string, extremes: readonly string[], round: (value: number) => number): Scalar {
  const text = (random: Random): string => {
    if (random.chance(0.3)) return random.pick(['nan', 'inf', '-inf', '0', '-0.0', '0.1', ...extremes])
    const value = (random.next() - 0.5) * 10 ** random.int(-30, 30)
    return String(random.chance(0.3) ? random.int(-1000, 1000) / 8 : round(value))
  }
  return scalar(sql, 'plain', text, (n) => String(n / 4))
}

const VARCHAR: Scalar = {
  sql: 'VARCHAR',
  print: 'text',
  value: (random) => `CAST(${randomText(random)} AS VARCHAR)`,
  key: (n) => `CAST(${literal(`key '${n}'`)} AS VARCHAR)`,
}

const JSONS = [
  'null',
  '{}',
  '[]',
  '"x"',
  '1.50',
  '{"a": [1, null, {"b c": "é"}]}',
  ' {"a" :1,  "a":2}',
  '"\\u0000\\n"',
  '12345678901234567890',
]

function bytes(random: Random): string {
  const size = random.pick([0, 0, 1, 3, 12, 13, 200])
  return random
    .times(size, size, () => `\\x${random.int(0, 255).toString(16).padStart(2, '0').toUpperCase()}`)
    .join('')
}

function uuid(random: Random): string {
  if (random.chance(0.2)) return random.pick(['0', 'f', '8', '7']).repeat(8) + '-0000-0000-0000-ffffffffffff'
  const digits = random.times(32, 32, () => random.int(0, 15).toString(16)).join('')
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ].join('-')
}

/** The types of 0.8.1. */
const SCALARS: readonly Scalar[] = [
  scalar('BOOLEAN', 'number', (random) => String(random.chance(0.5))),
  integer('TINYINT', 8, true),
  integer('SMALLINT', 16, true),
  integer('INTEGER', 32, true),
  integer('BIGINT', 64, true),
  // Releases before 0.9 do not hold the least number of 128 bits.
  integer('HUGEINT', 128, true, -(1n << 127n) + 1n),
  integer('UTINYINT', 8, false),
  integer('USMALLINT', 16, false),
  integer('UINTEGER', 32, false),
  integer('UBIGINT', 64, false),
  ...[[1, 0], [4, 1], [9, 9], [18, 3], [19, 0], [38, 38], [38, 10]].map(([width = 1, scale = 0]) => decimal(width, scale)), // prettier-ignore
  float('FLOAT', ['3.4028234663852886e38', '1e-45', '1.1754944e-38'], Math.fround),
  float('DOUBLE', ['1.7976931348623157e308', '5e-324', '2.2250738585072014e-308'], (value) => value),
  VARCHAR,
  scalar('BLOB', 'blob', bytes),
  scalar('BIT', 'plain', (random) =>
    random.times(1, random.pick([1, 8, 9, 200]), () => String(random.int(0, 1))).join(''),
  ),
  scalar(
    'DATE',
    'plain',
    (random) =>
      random.chance(0.2)
        ? random.pick([...INFINITE, '5881580-07-10', '5877642-06-25 (BC)', '2024-02-29'])
        : day(random, 1, 9999),
    (n) => `20${pad(n % 90)}-02-${pad(1 + (Math.floor(n / 90) % 28))}`,
  ),
  scalar('TIME', 'plain', (random) =>
    random.chance(0.2) ? random.pick(['00:00:00', '23:59:59.999999']) : clock(random, 6),
  ),
  scalar(
    'TIMETZ',
    'plain',
    (random) => `${clock(random, 6)}${random.pick(['+00', '+05:30', '-08', '+15:59', '-15:59'])}`,
  ),
  timestamp('TIMESTAMP', 6, MICROS),
  timestamp('TIMESTAMP_S', 0, ['epoch', '1969-12-31 23:59:59', '0044-03-15 (BC) 12:00:00']),
  timestamp('TIMESTAMP_MS', 3, ['epoch', '1969-12-31 23:59:59.999', '0044-03-15 (BC) 12:00:00']),
  timestamp(
    'TIMESTAMP_NS',
    9,
    ['epoch', '1969-12-31 23:59:59.999999', '2262-04-11 23:47:16.854775'],
    'micros',
  ),
  timestamp('TIMESTAMPTZ', 6, [...INFINITE, '1969-12-31 23:59:59.999999'], 'instant'),
  INTERVAL,
  scalar('UUID', 'plain', uuid, (n) => `00000000-0000-0000-0000-${pad(n, 12)}`),
  scalar('JSON', 'text', (random) => random.pick(JSONS)),
]

/** What later releases add. */
const LATER: readonly Scalar[] = [
  integer('UHUGEINT', 128, false),
  integer('HUGEINT', 128, true),
  scalar('TIME', 'plain', () => '24:00:00'),
  scalar('TIME_NS', 'plain', (random) => (random.chance(0.2) ? '24:00:00' : clock(random, 9))),
  scalar('BIGNUM', 'number', (random) => `${random.pick(['', '-'])}${random.bits(400)}`),
  timestamp('TIMESTAMP_S', 0, INFINITE),
  timestamp('TIMESTAMP_MS', 3, INFINITE),
  timestamp('TIMESTAMP_NS', 9, [
    ...INFINITE,
    '2262-04-11 23:47:16.854775806',
    '1677-09-22 00:00:00.000000001',
  ]),
]

/** Types of a release, each with values that it holds. */
export function scalarsOf(dialect: Dialect): readonly Scalar[] {
  if (dialect === 'stable') return [...SCALARS, ...LATER]
  return dialect === '0.6' ? SCALARS.filter(({ sql }) => sql !== 'BIT') : SCALARS
}
