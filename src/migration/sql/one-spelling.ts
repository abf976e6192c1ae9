import { closingBracket, isWord, splitList, tokenize } from './sql.js'

/*
 * An engine prints some of what it stores in another way once the file has been opened again. Here both become the same.
 * Seen in 1.5.6, with some hundred views, macros, defaults, CHECKs and indexes.
 */

/** What is printed so at first, and how after that; words stand alone. */
const SPELLINGS: readonly (readonly [RegExp, string])[] = [
  [/\bBIT \( 1 \)/g, 'BIT'],
  [/\bVARCHAR \( \d+ \)/g, 'VARCHAR'],
  [/\bDECIMAL(?! \()/g, 'DECIMAL ( 18 , 3 )'],
  [/\bDECIMAL \( (\d+) \)/g, 'DECIMAL ( $1 , 0 )'],
  [/\bCROSS JOIN\b/g, ','],
  [/\bAS (?:NOT )?MATERIALIZED \(/g, 'AS ('],
  // (lambda x: y) and (x -> y); with more parameters (lambda x, y: z) and (row(x, y) -> z).
  [/\( lambda ([^:(),]+) : /g, '( $1 - > '],
  [/\( lambda ([^:()]+) : /g, '( ( $1 ) - > '],
  [/(?:main \. )?\brow \(/g, '('],
]

/** SQL without white space and quotes of names, in one spelling. */
export function oneSpelling(sql: string): string {
  const tokens = tokenize(sql)
  // Columns that are unpivoted are names at first, and texts after that.
  const unpivots = tokens.some((token) => isWord(token, 'UNPIVOT'))
  const words = tokens.map(({ kind, text }) => (unpivots && kind === 'string' ? text.slice(1, -1) : text))
  return sortedLists(spelt(words.join(' ')))
}

/**
 * Expressions of an index, which stand in quotes of their own inside a list: what matters of them is compared word by
 * word in its statement.
 */
export function squeezed(expressions: string): string {
  return expressions
    .replaceAll(/[\s"'\\]/g, '')
    .replaceAll('BIT(1)', 'BIT')
    .replaceAll(/VARCHAR\(\d+\)/g, 'VARCHAR')
    .replaceAll(/DECIMAL(?!\()/g, 'DECIMAL(18,3)')
    .replaceAll(/DECIMAL\((\d+)\)/g, 'DECIMAL($1,0)')
}

function spelt(words: string): string {
  return SPELLINGS.reduce((text, [first, then]) => text.replaceAll(first, then), words)
}

/** The columns after `* EXCLUDE (` and `* REPLACE (` come in any order. */
function sortedLists(words: string): string {
  const [first = '', ...lists] = words.split(/(?<=[*)] (?:EXCLUDE|REPLACE) \()/)
  return first + lists.map(withSortedList).join('')
}

/** ` b , a ) rest` → `a , b ) rest` */
function withSortedList(text: string): string {
  const end = closingBracket(`(${text}`, 0)
  if (end === undefined) return text
  const list = splitList(text.slice(0, end - 2)).sort()
  return `${list.join(' , ')} ${text.slice(end - 2)}`
}
