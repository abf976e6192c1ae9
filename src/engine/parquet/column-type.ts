import type { DuckType } from '../../migration/sql/types.js'
import { i32, type ThriftField } from './thrift.js'

/** Physical types of Parquet. */
const BOOLEAN = 0
const INT32 = 1
const INT64 = 2
const FLOAT = 4
const DOUBLE = 5
const BYTE_ARRAY = 6
const FIXED_LEN_BYTE_ARRAY = 7

/** Converted types of Parquet. */
const UTF8 = 0
const DECIMAL = 5
const DATE = 6
const TIME_MICROS = 8
const TIMESTAMP_MICROS = 10
const UINT_8 = 11
const UINT_16 = 12
const UINT_32 = 13
const UINT_64 = 14
const INT_8 = 15
const INT_16 = 16
const INT_32 = 17
const INT_64 = 18

/** How the values of a column come from Arrow, and how many bytes each takes there. */
export type ArrowLayout =
  | { readonly kind: 'bits' }
  /** `width` bytes a value, the same in both. */
  | { readonly kind: 'fixed'; readonly width: 4 | 8 }
  /** Integers that Parquet holds in four bytes. */
  | { readonly kind: 'widened'; readonly width: 1 | 2; readonly signed: boolean }
  /** 16 bytes, little endian, of which Parquet keeps the low `width`, or all of them, big endian. */
  | { readonly kind: 'decimal'; readonly width: 4 | 8 | 16 }
  | { readonly kind: 'bytes' }

/** How a column stands in a Parquet file. */
export interface ColumnType {
  readonly physical: number
  readonly arrow: ArrowLayout
  /** Fields of its schema element beyond type, repetition and name, by id. */
  readonly details: readonly ThriftField[]
}

const CONVERTED = 6

function column(physical: number, arrow: ArrowLayout, converted?: number): ColumnType {
  return { physical, arrow, details: converted === undefined ? [] : [[CONVERTED, i32(converted)]] }
}

const FOUR: ArrowLayout = { kind: 'fixed', width: 4 }
const EIGHT: ArrowLayout = { kind: 'fixed', width: 8 }

const SCALARS: ReadonlyMap<string, ColumnType> = new Map([
  ['BOOLEAN', column(BOOLEAN, { kind: 'bits' })],
  ['TINYINT', column(INT32, { kind: 'widened', width: 1, signed: true }, INT_8)],
  ['SMALLINT', column(INT32, { kind: 'widened', width: 2, signed: true }, INT_16)],
  ['INTEGER', column(INT32, FOUR, INT_32)],
  ['BIGINT', column(INT64, EIGHT, INT_64)],
  ['UTINYINT', column(INT32, { kind: 'widened', width: 1, signed: false }, UINT_8)],
  ['USMALLINT', column(INT32, { kind: 'widened', width: 2, signed: false }, UINT_16)],
  ['UINTEGER', column(INT32, FOUR, UINT_32)],
  ['UBIGINT', column(INT64, EIGHT, UINT_64)],
  ['FLOAT', column(FLOAT, FOUR)],
  ['DOUBLE', column(DOUBLE, EIGHT)],
  ['DATE', column(INT32, FOUR, DATE)],
  ['TIME', column(INT64, EIGHT, TIME_MICROS)],
  ['TIMESTAMP', column(INT64, EIGHT, TIMESTAMP_MICROS)],
  ['VARCHAR', column(BYTE_ARRAY, { kind: 'bytes' }, UTF8)],
  ['BLOB', column(BYTE_ARRAY, { kind: 'bytes' })],
])

/**
 * The column type for values that Arrow and Parquet hold in the same bytes, or nearly so; undefined for any other: nested
 * ones, UUID (text in Arrow of these releases) and TIMESTAMP WITH TIME ZONE (no zone in Arrow of 0.6).
 * Widths of decimals as DuckDB's own writer chooses them.
 */
export function columnTypeOf(type: DuckType): ColumnType | undefined {
  if (type.kind === 'scalar') return SCALARS.get(type.name)
  if (type.kind !== 'decimal') return undefined
  const { width: precision, scale } = type
  const [physical, width] =
    precision <= 9
      ? ([INT32, 4] as const)
      : precision <= 18
        ? ([INT64, 8] as const)
        : ([FIXED_LEN_BYTE_ARRAY, 16] as const)
  return {
    physical,
    arrow: { kind: 'decimal', width },
    details: [
      [CONVERTED, i32(DECIMAL)],
      [7, i32(scale)],
      [8, i32(precision)],
    ],
  }
}
