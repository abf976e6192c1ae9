import { closingBracket, isSymbol, splitList, tokenize } from './sql.js'

/** Counts of arguments that a stand-in for a function takes. */
export const ANY_COUNT: readonly number[] = [0, 1, 2, 3, 4, 5, 6]

/** With which arguments a function is called: those such as `header = true`, and how many others. */
export function callsOf(
  query: string,
  called: string,
): { named: readonly string[]; counts: readonly number[] } {
  const tokens = tokenize(query)
  const named = new Set<string>()
  const counts = new Set<number>()
  for (const [i, token] of tokens.entries()) {
    const open = tokens[i + 1]
    if (!open || !isSymbol(open, '(') || token.text.toLowerCase() !== called.toLowerCase()) continue
    const end = closingBracket(query, open.start) ?? query.length + 1
    const found = splitList(query.slice(open.end, end - 1)).map(
      (argument) => /^(\w+)\s*:?=/.exec(argument)?.[1],
    )
    for (const name of found) if (name !== undefined) named.add(name.toLowerCase())
    counts.add(found.filter((name) => name === undefined).length)
  }
  // Variants of other counts would match a call with named arguments too.
  return { named: [...named], counts: named.size > 0 ? [...counts] : ANY_COUNT }
}
