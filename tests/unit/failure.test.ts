import { expect, it } from 'vitest'
import { failureOf } from '../../src/engine/failure.js'

const named = (name: string, message: string): Error => Object.assign(new Error(message), { name })

it.each([
  ['a trap', named('RuntimeError', 'unreachable'), 'fatal'],
  ['a damaged function of the engine', named('CompileError', 'Compiling function #7 failed'), 'fatal'],
  ['the same, in the words of the engine', new Error('Compiling function #1255 failed: x'), 'fatal'],
  ['memory that is not there', new RangeError('Array buffer allocation failed'), 'fatal'],
  ['a fault of the engine', new Error('INTERNAL Error: Attempted to access index 3'), 'fatal'],
  ['a damaged block', new Error('IO Error: Corrupt database file: computed checksum 1'), 'corrupt'],
  ['a name that is not there', new Error('Catalog Error: Table with name corrupt does not exist'), 'sql'],
  ['a file that is not allowed', new Error('Permission Error: Cannot access file "/corrupt.csv"'), 'sql'],
  ['a value', new Error('Conversion Error: Could not convert string'), 'sql'],
  ['no error at all', 'text', 'sql'],
] as const)('tells what failed: %s', (_, error, kind) => {
  expect(failureOf(error).kind).toBe(kind)
})

it('says it in one line, without the statement', () => {
  const error = new Error('Parser Error: syntax error\n  at "x"\nLINE 1: SELECT secret\n       ^')
  expect(failureOf(error).message).toBe('Parser Error: syntax error at "x"')
})

it('says what broke, without a stack trace', () => {
  const error = new Error(
    "INTERNAL Error: Couldn't locate entry: 'x'\n\nStack Trace:\n\n/lib/libduckdb.so(_ZN6) [0x7f]\n",
  )
  expect(failureOf(error)).toEqual({ kind: 'fatal', message: "INTERNAL Error: Couldn't locate entry: 'x'" })
})
