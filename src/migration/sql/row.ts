import { DuckfleetError } from '../../errors.js'
import type { Cell, Row } from './session.js'

/** Typed access to a row of a catalog query; a wrong type means a release that we do not know. */
export function text(row: Row, column: string): string {
  const cell = row[column]
  if (typeof cell === 'string') return cell
  if (typeof cell === 'number' || typeof cell === 'boolean') return String(cell)
  throw unexpected(column, cell)
}

export function optionalText(row: Row, column: string): string | undefined {
  return row[column] === null || row[column] === undefined ? undefined : text(row, column)
}

export function flag(row: Row, column: string): boolean {
  const cell = row[column]
  if (typeof cell === 'boolean') return cell
  throw unexpected(column, cell)
}

export function list(row: Row, column: string): readonly string[] {
  const cell = row[column]
  if (cell === null || cell === undefined) return []
  if (!Array.isArray(cell)) throw unexpected(column, cell)
  return (cell as readonly Cell[]).map(String)
}

function unexpected(column: string, cell: Cell | undefined): DuckfleetError {
  return new DuckfleetError('unsupported', `the catalog gave ${JSON.stringify(cell)} for ${column}`)
}

/** Groups rows by the text of a key, in order of first appearance. */
export function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group) group.push(item)
    else groups.set(key(item), [item])
  }
  return groups
}
