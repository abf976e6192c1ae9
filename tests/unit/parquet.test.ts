import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { DuckDBConnection } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { allOf, Arrivals } from '../../src/migration/rows/arrivals.js'
import type { DuckType } from '../../src/migration/sql/types.js'
import type { ArrowColumn } from '../../src/engine/parquet/column-chunk.js'
import { columnTypeOf } from '../../src/engine/parquet/column-type.js'
import { ParquetFile } from '../../src/engine/parquet/parquet-file.js'

let folder: string
/** A name of its own for each: the engine remembers files by name and second. */
let files = 0
let instance: DuckDBInstance
let connection: DuckDBConnection

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'duckfleet-parquet-'))
  instance = await DuckDBInstance.create(':memory:')
  connection = await instance.connect()
})

afterAll(async () => {
  connection.closeSync()
  instance.closeSync()
  await rm(folder, { recursive: true })
})

/** A type, its values as Arrow holds them, and how DuckDB prints them. */
interface Case {
  readonly type: DuckType
  readonly value: fc.Arbitrary<unknown>
  readonly encode: (values: readonly unknown[]) => Pick<ArrowColumn, 'values' | 'valueOffsets'>
  /** SQL that turns the column into what `print` gives. */
  readonly sql: (column: string) => string
  readonly print: (value: unknown) => unknown
}

const NO_OFFSETS = new Int32Array(0)
const asText = (column: string): string => `CAST(${column} AS VARCHAR)`
const scalar = (name: Extract<DuckType, { kind: 'scalar' }>['name']): DuckType => ({ kind: 'scalar', name })

function integers(
  name: Extract<DuckType, { kind: 'scalar' }>['name'],
  bytes: 1 | 2 | 4 | 8,
  signed: boolean,
): Case {
  const bits = BigInt(bytes * 8)
  const [min, max] = signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n]
  return {
    type: scalar(name),
    value: fc.bigInt({ min, max }),
    encode: (values) => ({ values: littleEndian(values as bigint[], bytes), valueOffsets: NO_OFFSETS }),
    sql: asText,
    print: String,
  }
}

function decimals(width: number, scale: number): Case {
  const most = 10n ** BigInt(width) - 1n
  return {
    type: { kind: 'decimal', width, scale },
    value: fc.bigInt({ min: -most, max: most }),
    encode: (values) => ({ values: littleEndian(values as bigint[], 16), valueOffsets: NO_OFFSETS }),
    sql: (column) => asText(`CAST(${column} AS HUGEINT)`),
    print: String,
  }
}

function byteStrings(name: 'VARCHAR' | 'BLOB'): Case {
  const value = fc
    .string({ unit: 'binary', maxLength: 60 })
    .map((text) => Buffer.from(text.replaceAll('\0', '?')))
  return {
    type: scalar(name),
    value,
    encode: (values) => {
      const parts = values.map((part) => (part instanceof Buffer ? part : Buffer.alloc(0)))
      let end = 0
      const valueOffsets = Int32Array.from([0, ...parts.map((part) => (end += part.length))])
      return { values: new Uint8Array(Buffer.concat(parts)), valueOffsets }
    },
    sql: (column) => (name === 'BLOB' ? `lower(hex(${column}))` : `lower(hex(encode(${column})))`),
    print: (value) => (value as Buffer).toString('hex'),
  }
}

const CASES: readonly Case[] = [
  integers('TINYINT', 1, true),
  integers('SMALLINT', 2, true),
  integers('INTEGER', 4, true),
  integers('BIGINT', 8, true),
  integers('UTINYINT', 1, false),
  integers('USMALLINT', 2, false),
  integers('UINTEGER', 4, false),
  integers('UBIGINT', 8, false),
  decimals(4, 0),
  decimals(9, 0),
  decimals(18, 0),
  decimals(38, 0),
  byteStrings('VARCHAR'),
  byteStrings('BLOB'),
  {
    type: scalar('DOUBLE'),
    value: fc.double({ noNaN: true, noDefaultInfinity: true }),
    encode: (values) => ({
      values: Float64Array.from(values, Number),
      valueOffsets: NO_OFFSETS,
    }),
    sql: (column) => column,
    print: (value) => value,
  },
  {
    type: scalar('BOOLEAN'),
    value: fc.boolean(),
    encode: (values) => ({ values: bitmap(values.map((value) => value === true)), valueOffsets: NO_OFFSETS }),
    sql: asText,
    print: String,
  },
]

it.each(CASES.map((one) => [JSON.stringify(one.type), one] as const))(
  'holds every value and every NULL of %s',
  async (_, { type, value, encode, sql, print }) => {
    const column = columnTypeOf(type)
    if (column === undefined) throw new Error('not a flat type')
    const batches = fc.array(fc.array(fc.option(value), { minLength: 1, maxLength: 40 }), {
      minLength: 1,
      maxLength: 6,
    })
    await fc.assert(
      fc.asyncProperty(batches, fc.integer({ min: 1, max: 50 }), async (drawn, groupRows) => {
        const file = path.join(folder, `${files++}.parquet`)
        const parquet = new ParquetFile(file, [{ name: 'c', type: column }])
        for (const batch of drawn) {
          const arrow = arrowOf(batch, encode)
          for (let from = 0; from < batch.length;) {
            const to = Math.min(batch.length, from + groupRows - parquet.open.rows)
            parquet.append([arrow], from, to)
            from = to
            if (parquet.open.rows === groupRows) parquet.endRowGroup()
          }
        }
        parquet.finish()
        parquet.close()
        const reader = await connection.runAndReadAll(
          `SELECT ${sql('c')} AS v FROM parquet_scan('${file}') ORDER BY file_row_number`,
        )
        const found = reader.getColumnsJson()[0] ?? []
        expect(found).toEqual(drawn.flat().map((one) => (one === null ? null : print(one))))
      }),
      { numRuns: 30 },
    )
  },
)

it('is what any reader of Parquet takes it for: names, types and counts', async () => {
  const types: DuckType[] = [scalar('TIME'), scalar('TIMESTAMP'), { kind: 'decimal', width: 20, scale: 3 }]
  const file = path.join(folder, 'schema.parquet')
  const columns = types.map((type, i) => {
    const found = columnTypeOf(type)
    if (found === undefined) throw new Error('not a flat type')
    return { name: `c${i}`, type: found }
  })
  const parquet = new ParquetFile(file, columns)
  const one = arrowOf([1n], (values) => ({
    values: littleEndian(values as bigint[], 16),
    valueOffsets: NO_OFFSETS,
  }))
  parquet.append([one, one, one], 0, 1)
  parquet.finish()
  parquet.close()
  const reader = await connection.runAndReadAll(
    `SELECT typeof(c0), CAST(c0 AS VARCHAR), typeof(c1), CAST(c1 AS VARCHAR), typeof(c2), CAST(c2 AS VARCHAR) FROM '${file}'`,
  )
  expect(reader.getRowsJson()).toEqual([
    ['TIME', '00:00:00.000001', 'TIMESTAMP', '1970-01-01 00:00:00.000001', 'DECIMAL(20,3)', '0.001'],
  ])
})

it.each(['UUID', 'TIMESTAMP WITH TIME ZONE', 'HUGEINT', 'BIT', 'INTERVAL'] as const)(
  'leaves %s to the engine',
  (name) => {
    expect(columnTypeOf(scalar(name))).toBeUndefined()
    expect(columnTypeOf({ kind: 'list', item: scalar('INTEGER') })).toBeUndefined()
  },
)

it.each(CASES.map((one) => [JSON.stringify(one.type), one] as const))(
  'refuses a batch with fewer values than rows of %s',
  (_, { type, encode }) => {
    const column = columnTypeOf(type)
    if (column === undefined) throw new Error('not a flat type')
    const parquet = new ParquetFile(path.join(folder, `${files++}.parquet`), [{ name: 'c', type: column }])
    const few = arrowOf([null], encode)
    expect(() => {
      parquet.append([{ ...few, nullCount: 0, length: 100 }], 0, 100)
    }).toThrow('fewer values than rows')
    parquet.close()
  },
)

it('gives every reader all that arrives, and then the error', async () => {
  const arrivals = new Arrivals<number>()
  const early = allOf(arrivals)
  arrivals.push(1)
  await Promise.resolve()
  arrivals.push(2)
  arrivals.complete()
  expect(await early).toEqual([1, 2])
  expect(await allOf(arrivals)).toEqual([1, 2])
  const broken = new Arrivals<number>()
  broken.push(1)
  broken.fail(new Error('gone'))
  broken.complete()
  await expect(allOf(broken)).rejects.toThrow('gone')
})

function arrowOf(batch: readonly unknown[], encode: Case['encode']): ArrowColumn {
  return {
    length: batch.length,
    nullCount: batch.filter((one) => one === null).length,
    offset: 0,
    // What Arrow holds in the place of a NULL is anything.
    ...encode(batch.map((one) => one ?? 0n)),
    nullBitmap: bitmap(batch.map((one) => one !== null)),
  }
}

function bitmap(bits: readonly boolean[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8))
  for (const [i, bit] of bits.entries()) if (bit) bytes[i >> 3] = (bytes[i >> 3] ?? 0) | (1 << (i & 7))
  return bytes
}

function littleEndian(values: readonly bigint[], width: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.length * width)
  for (const [i, value] of values.entries()) {
    let rest = BigInt.asUintN(width * 8, value)
    for (let k = 0; k < width; k++, rest >>= 8n) bytes[i * width + k] = Number(rest & 0xffn)
  }
  return bytes
}
