import { callsIn, type Change, isNamed } from './meaning-change.js'
import { isSymbol, isWord, type Token } from '../sql/sql.js'

/** Texts that are made of values, and values that are made of texts. */
export const TEXT_CHANGES: readonly Change[] = [
  {
    probe: `CAST(['a b', ''] AS VARCHAR) = '[a b, ]'`,
    holds: (tokens, _, { lists, nested }) =>
      tokens.some(
        (token, i) =>
          (isNamed(token, lists) && isText(tokens, i)) ||
          (isNamed(token, nested) && (isText(tokens, i) || isJoined(tokens, i))) ||
          (isNested(tokens, i) && isText(tokens, i)),
      ),
    what: `the text of a list, struct or map was '[a, ]' and is '[a, '']': what is empty, a time, or holds a comma or the like has quotes now`,
  },
  {
    probe: `CAST(INTERVAL '-1 days' AS VARCHAR) = '-1 days'`,
    holds: (tokens, _, { intervals }) =>
      tokens.some(
        (token, i) =>
          (isNamed(token, intervals) && (isText(tokens, i) || isJoined(tokens, i))) ||
          (isCallOf(tokens, i, /^age$/i) && isText(tokens, i)),
      ),
    what: `the text of an INTERVAL was '-1 days' and is '-1 day'`,
  },
  {
    probe: `CAST('-1:30:00' AS INTERVAL) = INTERVAL '90 minutes'`,
    holds: (tokens) =>
      tokens.some(({ kind, text }) => kind === 'string' && /-\d+:\d/.test(text)) &&
      tokens.some((token) => isWord(token, 'INTERVAL')),
    what: `the '-' of an INTERVAL such as '-1:30:00' was ignored, and counts`,
  },
  {
    probe: `TRY_CAST('1_000' AS INTEGER) IS NULL`,
    holds: (tokens) => tokens.some((token) => isWord(token, 'TRY_CAST')),
    what: `TRY_CAST was NULL of texts that are values now, such as '1_000', 'yes', '10:00' as a TIME, and '1.5 days'`,
  },
  {
    probe: `CAST(CAST(TIMESTAMP '2020-01-01 00:00:00.6' AS TIMESTAMP_S) AS VARCHAR) = '2020-01-01 00:00:00'`,
    holds: (tokens) => tokens.some(({ kind, text }) => kind === 'word' && /^TIMESTAMP_M?S$/i.test(text)),
    what: 'a time cast to TIMESTAMP_S or TIMESTAMP_MS was cut and is rounded: cast date_trunc(…) of it',
  },
  {
    probe: `CAST('1.25' AS DECIMAL(3,1)) = 1.2`,
    holds: (tokens) =>
      tokens.some(({ text }) => /^(DECIMAL|NUMERIC)$/i.test(text)) &&
      tokens.some(({ kind, text }) => kind === 'string' && /^'\s*[-+]?\d*\.\d/.test(text)),
    what: 'a text cast to a DECIMAL of fewer digits was cut and is rounded',
    releases: /^0\.[4-6]\./,
  },
]

/** Is what ends there cast to a text? */
function isText(tokens: readonly Token[], i: number): boolean {
  const isType = (at: number): boolean =>
    /^(VARCHAR|TEXT|STRING|CHAR|BPCHAR)$/i.test(tokens[at]?.text ?? '') && !isSymbol(tokens[at + 1], '[')
  if (isWord(tokens[i + 1], 'AS')) return isType(i + 2)
  return isSymbol(tokens[i + 1], ':') && isSymbol(tokens[i + 2], ':') && isType(i + 3)
}

const JOINING = ['concat', 'concat_ws', 'format', 'printf', 'string_agg', 'group_concat']

/** Is it part of a longer text? */
function isJoined(tokens: readonly Token[], i: number): boolean {
  const isBar = (at: number): boolean => isSymbol(tokens[at], '|') && isSymbol(tokens[at + 1], '|')
  const isArgument = /^[(,]$/.test(tokens[i - 1]?.text ?? '') && /^[),]$/.test(tokens[i + 1]?.text ?? '')
  return isBar(i + 1) || isBar(i - 2) || (isArgument && callsIn(tokens, JOINING).length > 0)
}

const NESTED =
  /^(list|array_agg|list_value|list_(sort|distinct|transform|filter|concat)|array_(sort|distinct|concat)|(string|str)_split(_regex)?|string_to_array|regexp_extract_all|struct_pack|row|map|map_(keys|values|entries)|histogram)$/i

/** `[…]`, `{…}`, or a call of what gives such values, that ends there. */
function isNested(tokens: readonly Token[], i: number): boolean {
  if (isSymbol(tokens[i], '}')) return true
  if (!isSymbol(tokens[i], ']')) return isCallOf(tokens, i, NESTED)
  const before = tokens[opening(tokens, i) - 1]
  return (
    before === undefined ||
    (before.kind === 'symbol' && /^[(,]$/.test(before.text)) ||
    isWord(before, 'SELECT')
  )
}

function isCallOf(tokens: readonly Token[], i: number, names: RegExp): boolean {
  return isSymbol(tokens[i], ')') && names.test(tokens[opening(tokens, i) - 1]?.text ?? '')
}

/** Where the bracket is that the one at `end` closes. */
function opening(tokens: readonly Token[], end: number): number {
  let depth = 0
  for (let i = end; i >= 0; i--) {
    const token = tokens[i]
    if (token?.kind !== 'symbol') continue
    if (')]}'.includes(token.text)) depth++
    else if ('([{'.includes(token.text) && --depth === 0) return i
  }
  return -1
}
