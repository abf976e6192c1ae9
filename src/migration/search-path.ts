import type { Catalog, View } from './catalog.js'
import { text } from './rows.js'
import { type Session, SqlError } from './session.js'
import { literal, tokenize } from './sql.js'

/**
 * Up to 0.8 a name without schema inside a view is looked up in `main`; from 1.0 on in the view's own schema first.
 * So a view in another schema would silently read another table where both schemas have one of that name.
 */

/** Names of tables and views that exist in `schema` and in `main`. */
export function schemaClashes(catalog: Catalog, schema: string): ReadonlySet<string> {
  if (schema === 'main') return new Set()
  const relations = [...catalog.tables, ...catalog.views]
  const inMain = new Set(relations.filter((r) => r.schema === 'main').map((r) => r.name.toLowerCase()))
  const own = relations.filter((r) => r.schema === schema).map((r) => r.name.toLowerCase())
  return new Set(own.filter((name) => inMain.has(name)))
}

/** The view with `main.` before every table name that would otherwise change its meaning. */
export async function qualifyMain(target: Session, view: View, clashes: ReadonlySet<string>): Promise<View> {
  const mentioned = tokenize(view.query).some(
    ({ kind, text: word }) => (kind === 'word' || kind === 'quoted') && clashes.has(word.toLowerCase()),
  )
  if (!mentioned || !(await looksInOwnSchemaFirst(target))) return view
  const [row] = await target.query(
    `SELECT CAST(json_serialize_sql(${literal(view.query)}) AS VARCHAR) AS ast`,
  )
  // Places in the text are 64-bit numbers, which JSON.parse would round, and which nobody needs.
  const json = (row ? text(row, 'ast') : '{}').replaceAll(/"query_location":\d+/g, '"query_location":0')
  const ast: unknown = JSON.parse(json)
  qualifyTables(ast, clashes, new Set())
  const [result] = await target.query(`SELECT json_deserialize_sql(${literal(JSON.stringify(ast))}) AS query`)
  return result ? { ...view, query: text(result, 'query') } : view
}

async function looksInOwnSchemaFirst(target: Session): Promise<boolean> {
  try {
    await target.query(`SELECT json_serialize_sql('SELECT 1')`)
    return true
  } catch (error) {
    if (error instanceof SqlError) return false
    throw error
  }
}

function qualifyTables(node: unknown, clashes: ReadonlySet<string>, ctes: ReadonlySet<string>): void {
  if (Array.isArray(node)) {
    for (const child of node) qualifyTables(child, clashes, ctes)
    return
  }
  if (typeof node !== 'object' || node === null) return
  const fields = node as Record<string, unknown>
  const known = new Set([...ctes, ...cteNames(fields['cte_map'])])
  const table = fields['table_name']
  if (fields['type'] === 'BASE_TABLE' && fields['schema_name'] === '' && typeof table === 'string') {
    const name = table.toLowerCase()
    if (clashes.has(name) && !known.has(name)) fields['schema_name'] = 'main'
  }
  for (const child of Object.values(fields)) qualifyTables(child, clashes, known)
}

function cteNames(map: unknown): string[] {
  if (typeof map !== 'object' || map === null) return []
  const entries = (map as { map?: unknown }).map
  if (!Array.isArray(entries)) return []
  return entries.flatMap((entry: unknown) => {
    const key = typeof entry === 'object' && entry !== null ? (entry as { key?: unknown }).key : undefined
    return typeof key === 'string' ? [key.toLowerCase()] : []
  })
}
