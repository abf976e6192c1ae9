import { closingBracket, isSymbol, isWord, type Token, tokenize } from '../sql/sql.js'

/*
 * What the parser of 0.6 – 0.8 read otherwise in a text that somebody typed, as views and indexes are kept: it is spelt so
 * that the target reads the same. Tried in 0.6, 0.7.1 and 0.8.1.
 */
export function keepSpelling(typed: string): string {
  return keepIntervals(keepLists(keepNumbers(typed)))
}

const [LEAST_UHUGEINT, MOST_UHUGEINT] = [2n ** 127n, 2n ** 128n - 1n]

/** `1_000` was 1 with the name `_000`; an integer that is too big for HUGEINT was a DOUBLE, not a UHUGEINT. */
function keepNumbers(sql: string): string {
  return tokenize(sql).reduceRight((text, token, i, tokens) => {
    if (token.kind !== 'number') return text
    const next = tokens[i + 1]
    if (next?.kind === 'word' && next.start === token.end && next.text.startsWith('_'))
      return `${text.slice(0, token.end)} ${text.slice(token.end)}`
    const value = /^\d{39}$/.test(token.text) ? BigInt(token.text) : 0n
    const isBig = value >= LEAST_UHUGEINT && value <= MOST_UHUGEINT
    return isBig ? `${text.slice(0, token.end)}e0${text.slice(token.end)}` : text
  }, sql)
}

/** There were no arrays: `x::INT[3]` was a list of any length. */
function keepLists(sql: string): string {
  return tokenize(sql).reduceRight((text, token, i, tokens) => {
    const [open, close] = [tokens[i - 1], tokens[i + 1]]
    if (token.kind !== 'number' || !open || !isSymbol(open, '[') || !isSymbol(close, ']')) return text
    if (!isType(tokens, i - 2)) return text
    return text.slice(0, open.end) + text.slice(token.end)
  }, sql)
}

/** Words of which a type has more than one. */
const LATER_WORDS = new Set(['PRECISION', 'VARYING', 'ZONE', 'TIME', 'WITH', 'WITHOUT'])

/** Does a type that is cast to end with this token? */
function isType(tokens: readonly Token[], end: number): boolean {
  let at = end
  while (isSymbol(tokens[at], ']')) at = opening(tokens, at, '[', ']') - 1
  if (isSymbol(tokens[at], ')')) at = opening(tokens, at, '(', ')') - 1
  while (tokens[at]?.kind === 'word' && LATER_WORDS.has(tokens[at]?.text.toUpperCase() ?? '')) at--
  if (isCast(tokens, at)) return true
  const isName = tokens[at]?.kind === 'word' || tokens[at]?.kind === 'quoted'
  return isName && isCast(tokens, at - 1)
}

/** Is the token at `at` the last one of `::`, or the AS of a CAST? */
function isCast(tokens: readonly Token[], at: number): boolean {
  return isWord(tokens[at], 'AS') || (isSymbol(tokens[at], ':') && isSymbol(tokens[at - 1], ':'))
}

/** Where the bracket is that the one at `end` closes. */
function opening(tokens: readonly Token[], end: number, open: string, close: string): number {
  let depth = 0
  for (let i = end; i >= 0; i--) {
    if (isSymbol(tokens[i], close)) depth++
    else if (isSymbol(tokens[i], open) && --depth === 0) return i
  }
  return -1
}

const UNITS: ReadonlyMap<string, string> = new Map([
  ['YEAR', 'INTEGER'],
  ['MONTH', 'INTEGER'],
  ['DAY', 'INTEGER'],
  ['HOUR', 'BIGINT'],
  ['MINUTE', 'BIGINT'],
  ['SECOND', 'BIGINT'],
  ['MILLISECOND', 'BIGINT'],
  ['MICROSECOND', 'BIGINT'],
])

/**
 * The number of an interval was rounded, and is cut now, or keeps its fraction: `INTERVAL (x) DAY` →
 * `to_days(CAST((x) AS INTEGER))`, as old engines print it.
 */
function keepIntervals(sql: string): string {
  return tokenize(sql).reduceRight((text, token, i, tokens) => {
    const first = tokens[i + 1]
    if (!isWord(token, 'INTERVAL') || !first) return text
    const end = isSymbol(first, '(') ? closingBracket(text, first.start) : first.end
    if (end === undefined || (first.kind !== 'string' && !isSymbol(first, '('))) return text
    const amount = text.slice(first.start, end)
    const [unit] = tokenize(text.slice(end, end + MOST_UNIT))
    const name = unit?.kind === 'word' ? unit.text.toUpperCase().replace(/S$/, '') : ''
    const type = UNITS.get(name)
    if (unit === undefined || type === undefined || isWhole(amount)) return text
    const call = `to_${name.toLowerCase()}s(CAST(${amount} AS ${type}))`
    return text.slice(0, token.start) + call + text.slice(end + unit.end)
  }, sql)
}

/** No more text than this has to be looked at for a unit. */
const MOST_UNIT = 1_000

function isWhole(amount: string): boolean {
  return /^\(*\s*'?\s*[-+]?\d+\s*'?\s*\)*$/.test(amount)
}
