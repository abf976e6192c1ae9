import { text } from './rows.js'
import { type Row, type Session, SqlError } from './session.js'
import { ident } from './sql.js'

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
  const columns = names.map((name, i) => `${ident(name)} AS c${i}`).join(', ')
  const letters = names.map(() => `'A'`).join(', ')
  const tests = names.map(
    (_, i) => `(c${i} = 'a') AS nocase${i}, (c${i} = 'Á') AS noaccent${i}, (c${i} = 'á') AS both${i}`,
  )
  try {
    const [row] = await session.query(
      `SELECT ${tests.join(', ')} FROM (SELECT ${columns} FROM ${relation} WHERE false UNION ALL SELECT ${letters}) q`,
    )
    return names.flatMap((name, i): [string, string][] => {
      if (!row || row[`both${i}`] !== true) {
        if (row?.[`nocase${i}`] === true) return [[name, 'NOCASE']]
        return row?.[`noaccent${i}`] === true ? [[name, 'NOACCENT']] : []
      }
      return [[name, 'NOACCENT.NOCASE']]
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
