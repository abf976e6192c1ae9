import type { Macro } from '../catalog/catalog.js'
import { holdsText, mayMix } from './explicit-casts.js'
import { castInQuery, type CastOptions } from './query-casts.js'
import type { Session } from '../sql/session.js'
import { closingBracket, isWord, splitList, tokenize } from '../sql/sql.js'

const HEAD = 'SELECT '

/**
 * The macro with the casts to VARCHAR that keep its meaning, whatever it is called with; and whether a text in it may mean
 * something else, where that depends on its parameters. `macros`: names of all, in lower case.
 */
export async function castInMacro(
  target: Session,
  macro: Macro,
  macros: ReadonlySet<string> = new Set(),
  { isRefused = false }: Pick<CastOptions, 'isRefused'> = {},
): Promise<{ readonly macro: Macro; readonly isSure: boolean }> {
  const { definition } = macro
  const end = closingBracket(definition, 0) ?? 0
  const [as, table] = tokenize(definition.slice(end))
  if (!as || !isWord(as, 'AS') || !(isRefused || mayMix(definition) || holdsText(definition)))
    return { macro, isSure: true }
  const isTable = isWord(table, 'TABLE')
  const head = definition.slice(0, end + (isTable ? (table?.end ?? 0) : as.end))
  const body = definition.slice(head.length).trim()
  const before = isTable ? body : HEAD + body
  const parameters = new Set(splitList(definition.slice(1, end - 1)).map(parameterName))
  const options = { parameters, macros, isNameless: !isTable, isRefused }
  const { sql, isSure } = await castInQuery(target, before, options)
  if (sql === before || (!isTable && !sql.startsWith(HEAD)))
    return { macro, isSure: isSure && sql === before }
  return { macro: { ...macro, definition: `${head} ${isTable ? sql : sql.slice(HEAD.length)}` }, isSure }
}

/** `x := 1` → `x` */
function parameterName(parameter: string): string {
  return tokenize(parameter)[0]?.text.toLowerCase() ?? ''
}
