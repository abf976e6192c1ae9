import { text } from '../sql/row.js'
import { type Row, type Session, SqlError } from '../sql/session.js'
import { ident, literal } from '../sql/sql.js'

/**
 * Collations of text columns. No catalog of these releases shows them, so the columns are asked: a nocase column
 * says that 'A' = 'a'. A collation of an extension that is not loaded is named by the error.
 */
export async function readCollations(
  session: Session,
  relation: string,
  rows: readonly Row[],
): Promise<Map<string, string>> {
  const names = rows
    .filter((row) => text(row, 'data_type') === 'VARCHAR')
    .map((row) => text(row, 'column_name'))
  const found = new Map<string, string>()
  if (names.length === 0) return found
  for (const [name, collation] of await probeCollations(session, relation, names)) found.set(name, collation)
  return found
}

async function probeCollations(
  session: Session,
  relation: string,
  names: readonly string[],
): Promise<[string, string][]> {
  const holding = (letter: string, as: string): string => {
    const columns = names.map((name, i) => `${ident(name)} AS ${as}${i}`).join(', ')
    const letters = names.map(() => literal(letter)).join(', ')
    return `(SELECT ${columns} FROM ${relation} WHERE false UNION ALL SELECT ${letters}) ${as}`
  }
  const tests = names.map(
    (_, i) =>
      `(c${i} = 'a') AS nocase${i}, (c${i} = 'Á') AS noaccent${i}, (c${i} = 'á') AS both${i}, (d${i} = ${literal('é'.normalize('NFC'))}) AS nfc${i}`,
  )
  try {
    const [row] = await session.query(
      `SELECT ${tests.join(', ')} FROM ${holding('A', 'c')}, ${holding('é'.normalize('NFD'), 'd')}`,
    )
    return names.flatMap((name, i): [string, string][] => {
      const collation = row && collationThat((equal) => row[`${equal}${i}`] === true)
      return collation === undefined ? [] : [[name, collation]]
    })
  } catch (error) {
    const [name] = names
    if (!(error instanceof SqlError) || name === undefined) throw error
    if (names.length > 1) {
      const parts = []
      for (const one of names) parts.push(...(await probeCollations(session, relation, [one])))
      return parts
    }
    const collation = /[Cc]ollation with name ([\w.]+)/.exec(error.message)?.[1]
    if (collation === undefined) throw error
    return [[name, collation]]
  }
}

/** Without accents, it makes no difference of which characters they are made. */
function collationThat(
  equates: (what: 'nocase' | 'noaccent' | 'both' | 'nfc') => boolean,
): string | undefined {
  if (equates('both')) return 'NOACCENT.NOCASE'
  if (equates('noaccent')) return 'NOACCENT'
  const parts = [...(equates('nocase') ? ['NOCASE'] : []), ...(equates('nfc') ? ['NFC'] : [])]
  return parts.length > 0 ? parts.join('.') : undefined
}
