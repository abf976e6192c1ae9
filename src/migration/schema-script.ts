import { DuckfleetError } from '../errors.js'
import { type Catalog, display, type Index, type View } from './catalog.js'
import { describeView } from './catalog-reader.js'
import {
  createIndex,
  createMacro,
  createSchema,
  createSequence,
  createTable,
  createType,
  createView,
  names,
} from './ddl.js'
import { type Session, SqlError } from './session.js'
import { qualified } from './sql.js'
import { divisionWarnings, typeWarnings } from './changed-meaning.js'
import { castInIndex, castInTable, holdsText, lacksCast, mayMixValues } from './explicit-casts.js'
import { keepMeaning } from './kept-meaning.js'
import { meaningWarnings } from './meaning-warnings.js'
import { createBroken } from './stand-ins.js'
import { qualifyMain } from './search-path.js'

/** The statements that make every object, in an order that works. */
export interface SchemaScript {
  /** Schemas, types, sequences, macros, tables. */
  readonly tables: readonly string[]
  /** Secondary indexes: after the load, where building them is fastest. */
  readonly indexes: readonly string[]
  /** Views, and whatever stands in for what broken ones miss. */
  readonly views: readonly string[]
  readonly warnings: readonly string[]
}

interface Item {
  readonly what: string
  /** Without its schema. */
  readonly name: string
  readonly sql: string
  /** The same with what the target wants to be written. */
  readonly repair?: () => Promise<string>
}

/**
 * Finds an order of CREATE statements that works, by carrying them out in `reference`, an empty in-memory database
 * of the target: objects depend on each other through text that only the engine understands (views on macros,
 * macros on views, checks on macros). The reference then also shows what the finished catalog must look like.
 * @throws DuckfleetError `unsupported`, naming the object that the target refuses.
 */
export async function buildSchema(reference: Session, read: Catalog, source: string): Promise<SchemaScript> {
  const builder = new Builder(reference)
  const catalog = await qualifyMain(reference, keepMeaning(read, source, reference.release))
  for (const schema of catalog.schemas) await builder.run('schema', createSchema(schema))
  for (const type of catalog.types) await builder.run(`type ${display(type)}`, createType(type))
  for (const sequence of catalog.sequences)
    for (const sql of createSequence(sequence)) await builder.run(`sequence ${display(sequence)}`, sql)
  const isBroken = (view: View): boolean => 'broken' in view.columns
  for (const view of catalog.views.filter(isBroken)) await builder.carryBroken(view, catalog)
  const tables = await Promise.all(
    catalog.tables.map(async (table) => (mayMixValues(table) ? await castInTable(reference, table) : table)),
  )
  const items: Item[] = [
    ...tables.map((table) => ({
      what: `table ${display(table)}`,
      name: table.name,
      sql: createTable(table),
      repair: async () => createTable(await castInTable(reference, table)),
    })),
    ...catalog.macros.map((macro) => ({
      what: `macro ${display(macro)}`,
      name: macro.name,
      sql: createMacro(macro),
    })),
  ]
  const views = catalog.views.filter((view) => !isBroken(view))
  // A macro may read a view: only then views come before what is left.
  const waiting = await builder.fixpoint(items)
  const viewsNow = waiting.length > 0 ? views : []
  const left = await builder.fixpoint([...waiting, ...viewsNow.map(viewItem)])
  builder.refuse(left)
  const made = builder.take()
  for (const index of catalog.indexes) await builder.index(index, catalog)
  const indexes = builder.take()
  builder.refuse(await builder.fixpoint(waiting.length > 0 ? [] : views.map(viewItem)))
  for (const view of views) await builder.compareView(view)
  for (const view of catalog.views.filter(isBroken)) await builder.noteRepaired(view)
  const warnings = [
    ...builder.warnings,
    ...divisionWarnings(catalog, source, reference.release),
    ...(await meaningWarnings(reference, { ...catalog, tables }, source)),
  ]
  return { tables: made, indexes, views: builder.take(), warnings }
}

function viewItem(view: View): Item {
  return { what: `view ${display(view)}`, name: view.name, sql: createView(view) }
}

class Builder {
  readonly warnings: string[] = []
  private done: string[] = []
  private readonly errors = new Map<string, string>()

  constructor(private readonly session: Session) {}

  take(): string[] {
    const { done } = this
    this.done = []
    return done
  }

  async run(what: string, sql: string, repair?: Item['repair']): Promise<void> {
    if (!(await this.attempt({ what, sql, ...(repair && { repair }) })))
      throw refused(what, this.errors.get(what) ?? '')
  }

  async index(index: Index, { tables }: Catalog): Promise<void> {
    const table = tables.find(({ schema, name }) => schema === index.schema && name === index.table)
    const cast = async (): Promise<string> =>
      createIndex(table ? await castInIndex(this.session, index, table) : index)
    const sql = holdsText(index.definition) ? await cast() : createIndex(index)
    await this.run(`index ${display(index)}`, sql, cast)
  }

  /** Tries what is left until a round gets nothing done; gives what cannot be done. */
  async fixpoint(items: readonly Item[]): Promise<Item[]> {
    let waiting = [...items]
    for (;;) {
      const refusedItems: Item[] = []
      for (const item of waiting) if (!(await this.attempt(item))) refusedItems.push(item)
      if (refusedItems.length === 0 || refusedItems.length === waiting.length) return refusedItems
      waiting = refusedItems
    }
  }

  private async attempt({ what, sql, repair }: Omit<Item, 'name'>): Promise<boolean> {
    try {
      await this.session.query(sql)
      this.done.push(sql)
      return true
    } catch (error) {
      if (!(error instanceof SqlError)) throw error
      this.errors.set(what, error.message)
      if (!repair || !lacksCast(error.message)) return false
      return await this.attempt({ what, sql: await repair() })
    }
  }

  /** Names the cause: what only waits for another object complains that this one is missing. */
  refuse(items: readonly Item[]): void {
    const waits = ({ what }: Item): boolean =>
      items.some((other) => other.what !== what && isMissing(other.name, this.errors.get(what) ?? ''))
    const cause = items.find((item) => !waits(item)) ?? items[0]
    if (!cause) return
    const others = items.length > 1 ? ` (${items.length - 1} more may only wait for it)` : ''
    throw refused(cause.what, `${this.errors.get(cause.what) ?? ''}${others}`)
  }

  /** A view that the source cannot use is carried as it is: broken it was, broken it stays. */
  async carryBroken(view: View, catalog: Catalog): Promise<void> {
    const statements = await createBroken(this.session, view, catalog)
    const why = 'broken' in view.columns ? view.columns.broken : ''
    if (!statements) throw refused(viewItem(view).what, `the source cannot use it either (${why})`)
    this.done.push(...statements)
  }

  async noteRepaired(view: View): Promise<void> {
    const what = viewItem(view).what
    const now = await describeView(this.session, qualified(view.schema, view.name))
    const why = 'broken' in view.columns ? view.columns.broken : ''
    this.warnings.push(
      'broken' in now
        ? `${what} was broken already and is kept as it is: ${why}`
        : `${what} was broken in the source (${why}) and works in the target`,
    )
  }

  /** Column names of a view may depend on the release; where they differ they are written out. */
  async compareView(view: View): Promise<void> {
    if ('broken' in view.columns) return
    const name = qualified(view.schema, view.name)
    const now = await describeView(this.session, name)
    const what = viewItem(view).what
    if ('broken' in now) throw refused(what, now.broken)
    const before = view.columns.map((column) => column.name)
    const after = now.map((column) => column.name)
    this.warnings.push(...typeWarnings(view, now))
    if (before.join('\0') === after.join('\0')) return
    if (before.length !== after.length)
      throw refused(what, `it had the columns ${before.join(', ')} and would have ${after.join(', ')}`)
    await this.run(what, `DROP VIEW ${name}`)
    await this.run(what, createView({ ...view, aliases: `(${names(before)})` }))
  }
}

function isMissing(name: string, complaint: string): boolean {
  const [, missing] = /with name "?(.+?)"? (?:does not exist|is not in the catalog)/.exec(complaint) ?? []
  return missing !== undefined && missing.toLowerCase().split('.').at(-1) === name.toLowerCase()
}

function refused(what: string, why: string): DuckfleetError {
  return new DuckfleetError('unsupported', `${what} cannot be carried over: ${why}`)
}
