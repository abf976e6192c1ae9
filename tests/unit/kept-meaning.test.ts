import { describe, expect, it } from 'vitest'
import { keepDivision, keepSlices } from '../../src/migration/meaning/kept-meaning.js'

describe('slices', () => {
  it.each([
    ['array_slice(x, 2, NULL)', '(x)[2:]'],
    ['array_slice(x, NULL, 2)', '(x)[:2]'],
    ['main.array_slice(main.array_slice(x, 2, NULL), 1, -1)', '((x)[2:])[1:-2]'],
    ['array_slice(array_slice(x, 2, NULL), 1, -1)', '((x)[2:])[1:-2]'],
    ['SELECT x[1:-1], y[2:NULL] FROM t', 'SELECT x[1:-2], y[2:] FROM t'],
    ['x[2:3]', 'x[2:3]'],
    ['x[a:b]', 'x[a:b]'],
    ["'x[1:-1]'", "'x[1:-1]'"],
    ['x[1]::INT[] -- [1:-1]', 'x[1]::INT[] -- [1:-1]'],
    ['array_slice(x, 2, 3)', 'array_slice(x, 2, 3)'],
  ])('%s is %s', (before, after) => {
    expect(keepSlices(before)).toBe(after)
  })
})

describe('divisions', () => {
  it.each([
    ['(a / b)', '(a / nullif(b, CAST(0 AS DOUBLE)))'],
    ['((a / b) / (c - 1))', '((a / nullif(b, CAST(0 AS DOUBLE))) / nullif((c - 1), CAST(0 AS DOUBLE)))'],
    ['(a / 2)', '(a / 2)'],
    ['(a // b)', '(a // b)'],
    ['(a / random())', '(a / random())'],
    ["('a / b')", "('a / b')"],
  ])('%s is %s', (before, after) => {
    expect(keepDivision(before)).toBe(after)
  })
})
