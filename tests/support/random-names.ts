import type { Random } from './random.js'

/** Words that break whoever forgets to quote: keywords, quotes, separators, white space, other scripts. */
const WORDS = [
  'id',
  'a',
  'value',
  'CamelCase',
  'select',
  'order',
  'table',
  'group by',
  'default',
  'null',
  'end',
  'we ird',
  ' padded ',
  'a"b',
  '"quoted"',
  "it's",
  'a.b',
  'a,b',
  '(bracket',
  'close)',
  '[0]',
  'semi;colon',
  '-- no comment',
  '/* none */',
  '%s',
  '$1',
  'back\\slash',
  'new\nline',
  'tab\there',
  '123',
  '1e5',
  'naïve',
  'Ünïcödé',
  '日本語',
  'duck 🦆',
  'a:b',
  'a=b',
  'x AS y',
  'int32',
  'VARCHAR',
  '_',
] as const

/** Gives every name once: names that differ in nothing but case are the same to DuckDB. */
export class Names {
  private readonly used = new Set<string>()

  constructor(
    private readonly random: Random,
    private readonly suffix = '',
  ) {}

  /** `without`: a text that the name must not hold. */
  fresh(without?: string): string {
    const word = this.random.pick(
      without === undefined ? WORDS : WORDS.filter((known) => !known.includes(without)),
    )
    for (let number = 1; ; number++) {
      const name = `${word}${number === 1 ? '' : String(number)}${this.suffix}`
      if (this.used.has(name.toLowerCase())) continue
      this.used.add(name.toLowerCase())
      return name
    }
  }
}
