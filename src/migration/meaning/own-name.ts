import type { Catalog } from '../catalog/catalog.js'
import { isSymbol, tokenize } from '../sql/sql.js'
import { tableExpressions } from './table-expressions.js'

/**
 * May something in a database name the database itself, as in `FROM sales.main.t` in the file sales.duckdb? A database is
 * named after its file, and an engine looks for what a view names when it creates the view.
 */
export function namesItself(catalog: Omit<Catalog, 'database'>, database: string): boolean {
  return expressions(catalog).some((sql) => names(sql, database.toLowerCase()))
}

function names(sql: string, database: string): boolean {
  const tokens = tokenize(sql)
  return tokens.some(({ kind, text }, i) => {
    // `nextval` takes a name in a text.
    if (kind === 'string') return /\w\W*\.\W*\w/.test(text) && text.toLowerCase().includes(database)
    const isName = kind === 'word' || kind === 'quoted'
    return isName && text.toLowerCase() === database && isSymbol(tokens[i + 1], '.')
  })
}

function expressions({ views, macros, tables }: Omit<Catalog, 'database'>): string[] {
  return [
    ...views.map((view) => view.query),
    ...macros.map((macro) => macro.definition),
    ...tables.flatMap(tableExpressions),
  ]
}
