/** A name as SQL: always quoted, so that no keyword, space or case can change its meaning. */
export function ident(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A schema-qualified name as SQL. */
export function qualified(schema: string, name: string): string {
  return `${ident(schema)}.${ident(name)}`
}

/** A string as SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** One lexical token of SQL text; `start` and `end` are offsets into the text. */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'symbol'
  /** As written, except that `quoted` has its quotes removed and undoubled. */
  readonly text: string
  readonly start: number
  readonly end: number
}

const TOKEN =
  /(?<space>\s+|--[^\n]*|\/\*[\s\S]*?\*\/)|(?<quoted>"(?:[^"]|"")*")|(?<string>[eE]'(?:[^'\\]|''|\\[\s\S])*'|[xXbB]?'(?:[^']|'')*')|(?<dollar>\$(?<tag>\w*)\$[\s\S]*?\$\k<tag>\$)|(?<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|(?<word>[\p{L}_][\p{L}\p{N}_$]*)|(?<symbol>[\s\S])/uy

/**
 * Splits SQL text into tokens, without comments and white space. It knows quotes, not grammar: enough to find
 * the head of a CREATE statement or the commas of a list. Text that ends inside a quote yields the quote as a symbol.
 */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  for (let match = TOKEN.exec(sql); match !== null; match = TOKEN.exec(sql)) {
    const start = match.index
    const end = TOKEN.lastIndex
    const groups = match.groups ?? {}
    const written = match[0]
    if (groups['space'] !== undefined) continue
    if (groups['quoted'] !== undefined) tokens.push({ kind: 'quoted', text: unquote(written), start, end })
    else if (groups['string'] !== undefined || groups['dollar'] !== undefined)
      tokens.push({ kind: 'string', text: written, start, end })
    else if (groups['number'] !== undefined) tokens.push({ kind: 'number', text: written, start, end })
    else if (groups['word'] !== undefined) tokens.push({ kind: 'word', text: written, start, end })
    else tokens.push({ kind: 'symbol', text: written, start, end })
  }
  return tokens
}

function unquote(quoted: string): string {
  return quoted.slice(1, -1).replaceAll('""', '"')
}

/** Is this token the keyword `word` (upper case)? */
export function isWord(token: Token | undefined, word: string): boolean {
  return token?.kind === 'word' && token.text.toUpperCase() === word
}

/** Is this token the symbol `symbol`? */
export function isSymbol(token: Token | undefined, symbol: string): boolean {
  return token?.kind === 'symbol' && token.text === symbol
}

/** Splits text at the commas that stand outside every bracket and quote; the parts are trimmed. */
export function splitList(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (const token of tokenize(text)) {
    if (token.kind !== 'symbol') continue
    if ('([{'.includes(token.text)) depth++
    else if (')]}'.includes(token.text)) depth--
    else if (token.text === ',' && depth === 0) {
      parts.push(text.slice(from, token.start).trim())
      from = token.end
    }
  }
  const last = text.slice(from).trim()
  if (last !== '' || parts.length > 0) parts.push(last)
  return parts
}

/** Offset just past the bracket that closes the one at `open`, or undefined if none does. */
export function closingBracket(text: string, open: number): number | undefined {
  let depth = 0
  for (const token of tokenize(text.slice(open))) {
    if (token.kind !== 'symbol') continue
    if ('([{'.includes(token.text)) depth++
    else if (')]}'.includes(token.text) && --depth === 0) return open + token.end
  }
  return undefined
}
