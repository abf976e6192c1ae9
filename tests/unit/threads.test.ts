import { expect, test } from 'vitest'
import { threadsFor } from '../../src/engine/threads.js'

test.each([
  [0, 2, 1],
  [274_432, 8, 1],
  [8_000_000, 8, 1],
  [8_000_001, 8, 2],
  [30_000_000, 8, 4],
  [5_000_000_000, 2, 2],
])('a file of %i bytes, at most %i threads: %i', (bytes, most, expected) => {
  expect(threadsFor(bytes, most)).toBe(expected)
})
