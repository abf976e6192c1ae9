import { isSymbol, isWord, type Token } from '../sql/sql.js'

/** What an expression may hold that means something else since 0.8, and is not rewritten. */
export interface Change {
  /** True in the releases up to 0.8; a target that says the same needs no warning. */
  readonly probe: string
  readonly holds: (tokens: readonly Token[], sql: string, columns: Columns) => boolean
  readonly what: string
  /** Views and macros are looked at elsewhere, as trees. */
  readonly notInQueries?: true
  /** The releases that say so, if not all up to 0.8. */
  readonly releases?: RegExp
}

/** Names of columns of the file's tables, in lower case. */
export interface Columns {
  readonly maps: ReadonlySet<string>
  readonly lists: ReadonlySet<string>
  /** Maps, structs and unions. */
  readonly nested: ReadonlySet<string>
  readonly enums: ReadonlySet<string>
  readonly decimals: ReadonlySet<string>
  readonly doubles: ReadonlySet<string>
  readonly dates: ReadonlySet<string>
  readonly timestamps: ReadonlySet<string>
  readonly intervals: ReadonlySet<string>
}

export const calls =
  (...names: readonly string[]): Change['holds'] =>
  (tokens) =>
    callsIn(tokens, names).length > 0

/** The places of the names of functions that are called. */
export function callsIn(tokens: readonly Token[], names: readonly string[]): number[] {
  return tokens.flatMap((token, i) =>
    names.includes(token.text.toLowerCase()) && isSymbol(tokens[i + 1], '(') ? [i] : [],
  )
}

/** The place behind the bracket that closes the call at `at`. */
export function endOfCall(tokens: readonly Token[], at: number): number {
  let depth = 0
  for (let i = at + 1; i < tokens.length; i++) {
    if (isSymbol(tokens[i], '(')) depth++
    if (isSymbol(tokens[i], ')') && --depth === 0) return i + 1
  }
  return tokens.length
}

/** Does the operator at the places from `first` to `last` stand beside a column of lists, or before a list that is made there? */
export function besideList(tokens: readonly Token[], first: number, last: number, columns: Columns): boolean {
  return isNamed(tokens[first - 1], columns.lists) || beginsList(tokens, last + 1, columns)
}

/** Does a list begin at the place: one that is made there, or a column of lists? Not where a part of it is taken. */
export function beginsList(tokens: readonly Token[], at: number, columns: Columns): boolean {
  const [token, next] = [tokens[at], tokens[at + 1]]
  if (isNamed(token, columns.lists)) return !isSymbol(next, '[')
  // As tables and macros print `[1]`: main.list_value(1).
  if (isWord(token, 'MAIN') && isSymbol(next, '.')) return beginsList(tokens, at + 2, columns)
  const end = endOfCall(tokens, at)
  const isCast = isWord(token, 'CAST') && isSymbol(tokens[end - 3], '[') && isSymbol(tokens[end - 2], ']')
  return isSymbol(token, '[') || ((isCast || isWord(token, 'LIST_VALUE')) && !isSymbol(tokens[end], '['))
}

/** Is the token the name of one of these columns? */
export function isNamed(token: Token | undefined, columns: ReadonlySet<string>): boolean {
  return (token?.kind === 'word' || token?.kind === 'quoted') && columns.has(token.text.toLowerCase())
}
