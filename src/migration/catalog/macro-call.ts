import type { Macro } from './catalog.js'
import { closingBracket, isSymbol, isWord, qualified, splitList, tokenize } from '../sql/sql.js'

/** A call of a macro with NULL for every parameter that needs a value. */
export function callMacro({ schema, name, definition }: Macro): string {
  const end = closingBracket(definition, 0) ?? 0
  const required = splitList(definition.slice(1, end - 1)).filter((parameter) => !hasDefault(parameter))
  const call = `${qualified(schema, name)}(${required.map(() => 'NULL').join(', ')})`
  return isTableMacro(definition.slice(end)) ? `SELECT * FROM ${call}` : `SELECT ${call}`
}

function hasDefault(parameter: string): boolean {
  return tokenize(parameter).some((token, i, tokens) => isSymbol(token, ':') && isSymbol(tokens[i + 1], '='))
}

/** `body`: a definition from behind its parameters on. */
function isTableMacro(body: string): boolean {
  const [as, table] = tokenize(body)
  return isWord(as, 'AS') && isWord(table, 'TABLE')
}
