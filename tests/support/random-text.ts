import { literal } from '../../src/migration/sql/sql.js'
import type { Random } from './random.js'

const TEXTS = [
  '',
  ' ',
  'a',
  'A',
  'á',
  'NULL',
  'null',
  "it's",
  '"quoted"',
  'a,b',
  'line\nbreak\r\n',
  '\ttab\\slash',
  '{"json": [1]}',
  '[1, 2]',
  'eleven char',
  'twelve chars',
  'thirteen char',
  'Ünïcödé 日本語 🦆',
  'e\u0301 combined',
  '\u200b\ufeff',
  '%_*?',
  '0',
  '1e5',
  'inf',
  "'; DROP TABLE x; --",
] as const

/** SQL of a text: short and long, with quotes, line breaks, other scripts, and the character of code 0. */
export function randomText(random: Random): string {
  const text = literal(random.pick(TEXTS))
  if (random.chance(0.07)) return `(${text} || chr(0) || 'after')`
  if (random.chance(0.07))
    return `repeat(${literal(random.pick(['é', 'long text ', '🦆']))}, ${random.int(100, 3000)})`
  if (random.chance(0.3))
    return literal(random.times(0, 30, () => String.fromCodePoint(random.int(32, 0x2ff))).join(''))
  return text
}
