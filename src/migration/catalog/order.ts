import { DuckfleetError } from '../../errors.js'
import { display, type Table } from './catalog.js'

/** Tables with every parent of a foreign key before its children; otherwise in the given order. */
export function dependencyOrder(tables: readonly Table[]): Table[] {
  const ordered: Table[] = []
  const done = new Set<string>()
  let waiting = [...tables]
  while (waiting.length > 0) {
    const ready = waiting.filter((table) => parents(table).every((parent) => done.has(parent)))
    if (ready.length === 0)
      throw new DuckfleetError(
        'unsupported',
        `foreign keys go in a circle: ${waiting.map(display).join(', ')}`,
      )
    for (const table of ready) done.add(key(table))
    ordered.push(...ready)
    waiting = waiting.filter((table) => !done.has(key(table)))
  }
  return ordered
}

function parents(table: Table): string[] {
  return table.constraints
    .flatMap((constraint) => (constraint.kind === 'foreign-key' ? [key(constraint.references)] : []))
    .filter((parent) => parent !== key(table))
}

function key({ schema, name }: { schema: string; name: string }): string {
  return `${schema}\0${name}`
}
