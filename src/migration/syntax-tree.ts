import { text } from './rows.js'
import type { Session } from './session.js'
import { literal } from './sql.js'

/** A node of the tree that the engine's parser makes of a SELECT; fields as the engine names them. */
export type Node = Readonly<Record<string, unknown>>

/** Numbers are kept as they are written: JavaScript would round them, and make an integer of 1000.0. */
const NUMBER = 'duckfleet number'
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?(?:\d[\d.eE+-]*|Infinity|NaN)/g
const KEPT_NUMBER = new RegExp(`\\{"${NUMBER}":"([^"]*)"\\}`, 'g')

/** The tree of a SELECT of a target from 1.0 on; undefined when it cannot be parsed, or not as a tree. */
export async function parseSelect(target: Session, sql: string): Promise<unknown> {
  const [row] = await target.query(`SELECT CAST(json_serialize_sql(${literal(sql)}) AS VARCHAR) AS tree`)
  const tree = parseTree(row ? text(row, 'tree') : '{"error":true}')
  return isNode(tree) && tree['error'] === false ? tree : undefined
}

/** The SELECT of a tree. The engine's text may say something else than its tree: 1e3 becomes 1000.0, a decimal. */
export async function printSelect(target: Session, tree: unknown): Promise<string> {
  const [row] = await target.query(`SELECT json_deserialize_sql(${literal(printTree(tree))}) AS query`)
  return row ? text(row, 'query') : ''
}

export function parseTree(json: string): unknown {
  return JSON.parse(
    json.replace(STRING_OR_NUMBER, (token) => (token.startsWith('"') ? token : `{"${NUMBER}":"${token}"}`)),
  )
}

export function printTree(tree: unknown): string {
  // Quotes inside a string are escaped there, so no string holds what looks like a number that was kept.
  return JSON.stringify(tree).replace(KEPT_NUMBER, '$1')
}

/** Do two trees say the same, wherever it stands in their text? */
export function sameTree(a: unknown, b: unknown): boolean {
  const withoutPlaces = (tree: unknown): string =>
    JSON.stringify(tree, (field, value: unknown) => (field === 'query_location' ? undefined : value))
  return withoutPlaces(a) === withoutPlaces(b)
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Where the text of a node begins, in bytes of UTF-8; undefined when that is not known. */
export function placeOf(node: Node): number | undefined {
  const place = isNode(node['query_location']) ? Number(node['query_location'][NUMBER]) : Number.NaN
  return Number.isSafeInteger(place) ? place : undefined
}
