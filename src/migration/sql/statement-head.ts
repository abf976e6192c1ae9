import { DuckfleetError } from '../../errors.js'
import { ident, isSymbol, isWord, type Token, tokenize } from './sql.js'

/**
 * Releases up to 0.8 keep views and indexes as the text that somebody typed: `create view if not exists V as …`,
 * with the name from before a rename. These functions take the part that means something out of it.
 */

/**
 * `CREATE [OR REPLACE] [TEMP] [RECURSIVE] VIEW [IF NOT EXISTS] name [(aliases)] AS query` → aliases with brackets, and
 * query.
 */
export function splitView(sql: string): { aliases: string; query: string } {
  const tokens = tokenize(sql)
  const view = tokens.findIndex((token) => isWord(token, 'VIEW'))
  let at = skipName(tokens, skipIfNotExists(tokens, view + 1))
  const name = tokens[at - 1]?.text ?? ''
  let aliases = ''
  if (isSymbol(tokens[at], '(')) {
    const close = closing(tokens, at)
    aliases = slice(sql, tokens[at], tokens[close])
    at = close + 1
  }
  const query = tokens[at + 1]
  if (view < 0 || !isWord(tokens[at], 'AS') || !query) throw unreadable('view', sql)
  const written = withoutTerminator(sql.slice(query.start))
  return {
    aliases,
    query: isWord(tokens[view - 1], 'RECURSIVE') ? recursive(name, aliases, written) : written,
  }
}

/** What `CREATE RECURSIVE VIEW` means: the name in the query is that of the statement, whatever the view is called now. */
function recursive(name: string, aliases: string, query: string): string {
  return `WITH RECURSIVE ${ident(name)}${aliases} AS (${query}) SELECT * FROM ${ident(name)}`
}

/** `CREATE [UNIQUE] INDEX [IF NOT EXISTS] [name] ON table [USING ART] (…)` → from the bracket on. */
export function splitIndex(sql: string): { definition: string } {
  const tokens = tokenize(sql)
  const on = tokens.findIndex((token, i) => i > 0 && isWord(token, 'ON'))
  const open = tokens.find((token, i) => i > on && isSymbol(token, '('))
  if (on < 0 || !open) throw unreadable('index', sql)
  return { definition: withoutTerminator(sql.slice(open.start)) }
}

function skipIfNotExists(tokens: readonly Token[], at: number): number {
  return isWord(tokens[at], 'IF') && isWord(tokens[at + 1], 'NOT') ? at + 3 : at
}

function skipName(tokens: readonly Token[], at: number): number {
  let next = at + 1
  while (isSymbol(tokens[next], '.')) next += 2
  return next
}

function closing(tokens: readonly Token[], open: number): number {
  let depth = 0
  for (let i = open; i < tokens.length; i++) {
    if (isSymbol(tokens[i], '(')) depth++
    else if (isSymbol(tokens[i], ')') && --depth === 0) return i
  }
  return open
}

function slice(sql: string, from: Token | undefined, to: Token | undefined): string {
  return from && to ? sql.slice(from.start, to.end) : ''
}

/** The text without the semicolon (and the comment or space after it) that the catalog adds. */
function withoutTerminator(sql: string): string {
  const tokens = tokenize(sql)
  let last = tokens.length
  while (last > 0 && isSymbol(tokens[last - 1], ';')) last--
  const end = tokens[last - 1]
  return end ? sql.slice(0, end.end) : sql
}

function unreadable(what: string, sql: string): DuckfleetError {
  return new DuckfleetError('unsupported', `cannot read the definition of a ${what}: ${sql.slice(0, 200)}`)
}
