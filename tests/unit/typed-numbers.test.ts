import { describe, expect, it } from 'vitest'
import { numbersIn, type StoredNumber } from '../../src/migration/file/stored-numbers.js'
import { asStored } from '../../src/migration/meaning/typed-numbers.js'

const double = (value: number): StoredNumber => ({ kind: 'double', value })
const decimal = (text: string): StoredNumber => ({ kind: 'decimal', text })

describe('numbers that an old engine prints alike', () => {
  it.each([
    ['(x + 100000.0)', [double(1e5)], '(x + 100000.0e0)'],
    ['(x + 100000.0)', [decimal('100000.0')], '(x + 100000.0)'],
    ['(x + -0.5)', [double(0.5)], '(x + -0.5e0)'],
    ['(x + 1e+16)', [double(1e16)], '(x + 1e+16)'],
    [`concat('1.5', "1.5", 1.5)`, [double(1.5)], `concat('1.5', "1.5", 1.5e0)`],
    ['(1.50 + 1.5)', [decimal('1.50'), double(1.5)], '(1.50 + 1.5e0)'],
    ['((2.0 + x) * 2.0)', [decimal('2.0'), double(2)], '((2.0 + x) * 2.0e0)'],
    [
      'TABLE (SELECT 2.0 FROM t WHERE (a = 2.0))',
      [double(2), decimal('2.0')],
      'TABLE (SELECT 2.0e0 FROM t WHERE (a = 2.0))',
    ],
    ['((2.0 + x) * 2.0)', [double(2), decimal('2.0')], '((2.0e0 + x) * 2.0)'],
  ])('%s', (printed, stored, wanted) => {
    expect(asStored([printed], stored, 'macro main.f')).toEqual([wanted])
  })

  it('are told apart by the order of the expressions of a table', () => {
    expect(asStored(['1.0', '', '(a < 1.0)'], [decimal('1.0'), double(1)], 'table main.t')).toEqual([
      '1.0',
      '',
      '(a < 1.0e0)',
    ])
  })

  it('are told apart by their order where only an expression without them may be stored in another', () => {
    const texts = ['1.0', 'struct_pack(a := 3.0)', '(a < 1.0)']
    const stored = [decimal('1.0'), decimal('3.0'), double(1)]
    expect(asStored(texts, stored, 'table main.t')).toEqual(['1.0', 'struct_pack(a := 3.0)', '(a < 1.0e0)'])
  })

  it.each([
    ['(SELECT 2.0 FROM t LIMIT 2.0)', [double(2), decimal('2.0')]],
    ['(2.0 IN (SELECT 2.0 FROM (SELECT 1)))', [double(2), decimal('2.0')]],
    ['(a, b := 2.0) AS (b + 2.0)', [double(2), decimal('2.0')]],
    ['(2.0 + 2.0)', [double(2), decimal('2.0'), double(2)]],
  ])('are refused where the order does not tell: %s', (printed, stored) => {
    expect(() => asStored([printed], stored, 'macro main.f')).toThrow(
      "macro main.f holds 2.0, and it cannot be told where that is a DOUBLE and where a DECIMAL: write CAST('2.0' AS DOUBLE)",
    )
  })
})

describe('constants in stored expressions', () => {
  const u32 = (n: number): number[] => [n & 255, n >> 8, 0, 0]
  const frame = (fields: number, content: readonly number[]): number[] => [
    ...u32(fields),
    ...u32(content.length),
    ...u32(0),
    ...content,
  ]
  const constant = (type: readonly number[], value: Buffer, fields = 3): number[] =>
    frame(2, [...frame(fields, [...type, ...u32(0)]), 0, ...value])
  const bytesOf = (size: number, write: (buffer: Buffer) => void): Buffer => {
    const buffer = Buffer.alloc(size)
    write(buffer)
    return buffer
  }
  const storedDouble = (value: number): number[] =>
    constant(
      [23, 0],
      bytesOf(8, (buffer) => buffer.writeDoubleLE(value)),
    )
  const storedDecimal = (width: number, scale: number, value: bigint, size: number): number[] =>
    constant(
      [21, 2, width, scale],
      bytesOf(size, (buffer) => {
        for (let i = 0; i < size; i++) buffer[i] = Number(BigInt.asUintN(8, value >> BigInt(8 * i)))
      }),
      5,
    )

  it('are found wherever they stand, in their order and without their signs', () => {
    const bytes = Buffer.from([
      7,
      ...storedDecimal(2, 1, 15n, 2),
      ...storedDouble(-1e5),
      ...storedDecimal(9, 2, -100050n, 4),
      ...storedDecimal(3, 3, 5n, 2),
      ...storedDecimal(18, 1, 123n, 8),
      ...storedDouble(0.1),
      ...storedDecimal(38, 4, -(10n ** 30n), 16),
    ])
    expect(numbersIn(bytes)).toEqual([
      decimal('1.5'),
      double(1e5),
      decimal('1000.50'),
      decimal('0.005'),
      decimal('12.3'),
      double(0.1),
      decimal(`1${'0'.repeat(26)}.0000`),
    ])
  })

  it('are not taken from bytes that begin inside of one', () => {
    const bytes = Buffer.from([...storedDecimal(9, 2, 5n, 4), ...storedDouble(2)])
    for (let from = 1; from < bytes.length; from++) {
      const found = numbersIn(bytes.subarray(from))
      expect([[], [double(2)]]).toContainEqual(found)
    }
  })

  it('are not taken from bytes that end too early', () => {
    const bytes = Buffer.from([...storedDouble(1), ...storedDecimal(38, 4, 1n, 16)])
    for (let length = 0; length < bytes.length; length++)
      expect(numbersIn(bytes.subarray(0, length)).length).toBeLessThan(2)
  })
})
