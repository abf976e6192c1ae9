import type { Catalog } from '../catalog/catalog.js'
import { isSymbol, isWord, type Token, tokenize } from '../sql/sql.js'

/*
 * Up to 0.7 NULLs come first in an ORDER BY that says nothing of them, also in a descending one; since 0.8 they come last.
 * Seen in 0.6.1, 0.7.1, 0.8.1 and 1.5.6.
 */

/** The views and macros of a file of 0.7 or older with `NULLS FIRST` wherever it was meant. */
export function keepNullOrder<T extends Pick<Catalog, 'views' | 'macros'>>(catalog: T): T {
  return {
    ...catalog,
    views: catalog.views.map((view) => ({ ...view, query: withNullsFirst(view.query) })),
    macros: catalog.macros.map((macro) => ({ ...macro, definition: withNullsFirst(macro.definition) })),
  }
}

/** `ORDER BY a, b DESC NULLS LAST` → `ORDER BY a NULLS FIRST, b DESC NULLS LAST` */
export function withNullsFirst(sql: string): string {
  const tokens = tokenize(sql)
  const ends = tokens.flatMap((token, i) =>
    isWord(token, 'ORDER') && isWord(tokens[i + 1], 'BY') ? silentItems(tokens, i + 2) : [],
  )
  return ends
    .sort((a, b) => b - a)
    .reduce((text, end) => `${text.slice(0, end)} NULLS FIRST${text.slice(end)}`, sql)
}

/** Offsets of the ends of what is ordered by and says nothing of NULLs; `from` is the first token behind ORDER BY. */
function silentItems(tokens: readonly Token[], from: number): number[] {
  const ends: number[] = []
  let depth = 0
  for (let i = from; i <= tokens.length; i++) {
    const token = tokens[i]
    const isEnd = depth === 0 && (isClosing(token) || (i > from && isBehind(tokens, i)))
    const last = tokens[i - 1]
    if (
      (isEnd || (depth === 0 && isSymbol(token, ','))) &&
      last &&
      i > from &&
      !(isWord(tokens[i - 2], 'NULLS') && OF_ORDER.test(last.text))
    )
      ends.push(last.end)
    if (isEnd) break
    if (token?.kind === 'symbol' && '([{'.includes(token.text)) depth++
    if (isClosing(token)) depth--
  }
  return ends
}

function isClosing(token: Token | undefined): boolean {
  return token === undefined || (token.kind === 'symbol' && ')]};'.includes(token.text))
}

/** Words that are no names, and what makes the others no names. */
const BEHIND = /^(LIMIT|OFFSET|FETCH|UNION|INTERSECT|EXCEPT)$/i
const FRAME = /^(ROWS|RANGE|GROUPS)$/i
const OF_NULLS = /^(IGNORE|RESPECT)$/i
const OF_ORDER = /^(FIRST|LAST)$/i
/** Words behind which a value follows. */
const BEFORE_A_VALUE =
  /^(AND|OR|NOT|IS|IN|LIKE|ILIKE|GLOB|SIMILAR|TO|ESCAPE|BETWEEN|CASE|WHEN|THEN|ELSE|DISTINCT|FROM|COLLATE)$/i

/** Does something else begin there? */
function isBehind(tokens: readonly Token[], i: number): boolean {
  const [token, next] = [tokens[i], tokens[i + 1]]
  if (token?.kind !== 'word') return false
  if (FRAME.test(token.text)) return endsValue(tokens[i - 1])
  return BEHIND.test(token.text) || (OF_NULLS.test(token.text) && isWord(next, 'NULLS'))
}

function endsValue(token: Token | undefined): boolean {
  if (token?.kind === 'symbol') return ')]}!'.includes(token.text)
  return token !== undefined && !(token.kind === 'word' && BEFORE_A_VALUE.test(token.text))
}
