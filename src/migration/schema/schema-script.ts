import { DuckfleetError } from '../../errors.js'
import { type Catalog, display, type Index, type Macro, type Table, type View } from '../catalog/catalog.js'
import { describeView } from '../catalog/catalog-reader.js'
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
import { type Session, SqlError } from '../sql/session.js'
import { qualified } from '../sql/sql.js'
import { mixedWarning, typeWarnings } from '../meaning/changed-meaning.js'
import {
  castInIndex,
  castInTable,
  holdsText,
  lacksCast,
  mayMix,
  mayMixValues,
} from '../meaning/explicit-casts.js'
import { castInMacro } from '../meaning/macro-casts.js'
import { castInQuery } from '../meaning/query-casts.js'
import { keepMeaning } from '../meaning/kept-meaning.js'
import { meaningWarnings } from '../meaning/meaning-warnings.js'
import { type Broken, brokenMacro, brokenView, createBroken } from './stand-ins.js'
import { qualifyMain } from '../meaning/search-path.js'

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
  /** What else it takes once it is made; gives the statement that made it in the end. */
  readonly finish?: () => Promise<string>
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
  const builder = new Builder(reference, new Set(read.macros.map(({ name }) => name.toLowerCase())))
  const catalog = await qualifyMain(reference, keepMeaning(read, source, reference.release))
  for (const schema of catalog.schemas) await builder.run('schema', createSchema(schema))
  for (const type of catalog.types) await builder.run(`type ${display(type)}`, createType(type))
  for (const sequence of catalog.sequences)
    for (const sql of createSequence(sequence)) await builder.run(`sequence ${display(sequence)}`, sql)
  const brokenOnes = [
    ...catalog.views.flatMap((view) =>
      'broken' in view.columns ? [brokenView(view, view.columns.broken)] : [],
    ),
    ...catalog.macros.flatMap((macro) =>
      macro.broken === undefined ? [] : [brokenMacro(macro, macro.broken)],
    ),
  ]
  for (const broken of brokenOnes) await builder.carryBroken(broken, catalog)
  const tables = await Promise.all(catalog.tables.map((table) => builder.withCastsInTable(table)))
  const items: Item[] = [
    ...tables.map((table) => ({
      what: `table ${display(table)}`,
      name: table.name,
      sql: createTable(table),
      repair: async () => createTable(await builder.repairTable(table)),
    })),
    ...catalog.macros.filter(({ broken }) => broken === undefined).map((macro) => builder.macroItem(macro)),
  ]
  const views = catalog.views.filter((view) => !('broken' in view.columns))
  // A macro may read a view: only then views come before what is left.
  const waiting = await builder.fixpoint(items)
  const viewsNow = waiting.length > 0 ? views : []
  const left = await builder.fixpoint([...waiting, ...viewsNow.map((view) => builder.viewItem(view))])
  builder.refuse(left)
  const statements = builder.take()
  for (const index of catalog.indexes) await builder.index(index, catalog)
  const indexes = builder.take()
  builder.refuse(
    await builder.fixpoint(waiting.length > 0 ? [] : views.map((view) => builder.viewItem(view))),
  )
  for (const broken of brokenOnes) await builder.noteBroken(broken)
  const made = {
    ...catalog,
    tables: tables.map((table) => builder.tables.get(display(table)) ?? table),
    indexes: catalog.indexes.map((index) => builder.indexes.get(display(index)) ?? index),
    views: catalog.views.map((view) => builder.views.get(display(view)) ?? view),
    macros: catalog.macros.map((macro) => builder.macros.get(display(macro)) ?? macro),
  }
  const warnings = [
    ...builder.warnings,
    ...(await meaningWarnings(reference, made, source)),
    ...[...new Set(builder.unsure)].map((what) => mixedWarning(what, source, reference.release)),
  ]
  return { tables: statements, indexes, views: builder.take(), warnings }
}

class Builder {
  readonly warnings: string[] = []
  /** What is made otherwise than it was read, by its name. */
  readonly tables = new Map<string, Table>()
  readonly indexes = new Map<string, Index>()
  readonly views = new Map<string, View>()
  readonly macros = new Map<string, Macro>()
  /** What holds a text that may mean something else. */
  readonly unsure: string[] = []
  private done: string[] = []
  private readonly errors = new Map<string, string>()

  constructor(
    private readonly session: Session,
    /** Names of macros in lower case. */
    private readonly macroNames: ReadonlySet<string>,
  ) {}

  take(): string[] {
    const { done } = this
    this.done = []
    return done
  }

  async run(what: string, sql: string, repair?: Item['repair']): Promise<void> {
    if (!(await this.attempt({ what, sql, ...(repair && { repair }) })))
      throw refused(what, this.errors.get(what) ?? '')
  }

  /** The table with the casts that keep what its expressions mean. */
  async withCastsInTable(table: Table): Promise<Table> {
    if (!mayMixValues(table)) return table
    const { cast, unsure } = await castInTable(this.session, table)
    this.unsure.push(...unsure)
    return cast
  }

  async repairTable(table: Table): Promise<Table> {
    const { cast } = await castInTable(this.session, table)
    this.tables.set(display(table), cast)
    return cast
  }

  async index(index: Index, { tables }: Catalog): Promise<void> {
    const table = tables.find(({ schema, name }) => schema === index.schema && name === index.table)
    const cast = async (): Promise<Index> => {
      const done = table && (await castInIndex(this.session, index, table))
      this.unsure.push(...(done?.unsure ?? []))
      this.indexes.set(display(index), done?.cast ?? index)
      return done?.cast ?? index
    }
    const sql = createIndex(mayMix(index.definition) ? await cast() : index)
    await this.run(`index ${display(index)}`, sql, async () => createIndex(await cast()))
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

  private async attempt({ what, sql, finish, repair }: Omit<Item, 'name'>): Promise<boolean> {
    try {
      await this.session.query(sql)
      this.done.push(finish ? await finish() : sql)
      return true
    } catch (error) {
      if (!(error instanceof SqlError)) throw error
      this.errors.set(what, error.message)
      if (!repair || !lacksCast(error.message)) return false
      return await this.attempt({ what, sql: await repair(), ...(finish && { finish }) })
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

  /** What the source cannot use is carried as it is: broken it was, broken it stays. */
  async carryBroken(broken: Broken, catalog: Catalog): Promise<void> {
    const made = await createBroken(this.session, broken, catalog)
    if ('complaint' in made)
      throw refused(broken.what, `${made.complaint}; the source cannot use it either (${broken.why})`)
    this.done.push(...made)
  }

  async noteBroken({ what, why, use }: Broken): Promise<void> {
    if (await this.refuses(`EXPLAIN ${use}`))
      this.warnings.push(`${what} was broken already and is kept as it is: ${why}`)
    // An extension that our reader lacks, as that for time zones, says nothing about the source.
    else if (!/\bextension\b|'timezone\(/i.test(why))
      this.warnings.push(`${what} was broken in the source (${why}) and works in the target`)
  }

  private async refuses(sql: string): Promise<boolean> {
    try {
      await this.session.query(sql)
      return false
    } catch (error) {
      if (error instanceof SqlError) return true
      throw error
    }
  }

  macroItem(read: Macro): Item {
    const what = `macro ${display(read)}`
    let macro = read
    return {
      what,
      name: macro.name,
      sql: createMacro(macro),
      repair: async () => {
        const done = await castInMacro(this.session, macro, this.macroNames, { isRefused: true })
        macro = done.macro
        return createMacro(macro)
      },
      finish: () => this.macroWithCasts(what, createMacro(macro), macro),
    }
  }

  /** The statement that makes the macro with the casts that keep its meaning, where the target takes it so. */
  private async macroWithCasts(what: string, sql: string, macro: Macro): Promise<string> {
    const { macro: cast, isSure } = await castInMacro(this.session, macro, this.macroNames)
    const now = createMacro(cast)
    const isMade = now === sql || !(await this.refuses(now.replace(/^CREATE/, 'CREATE OR REPLACE')))
    if (!isSure || !isMade) this.unsure.push(what)
    if (isMade) this.macros.set(display(macro), cast)
    return isMade ? now : sql
  }

  viewItem(read: View): Item {
    const what = `view ${display(read)}`
    let view = read
    return {
      what,
      name: view.name,
      sql: createView(view),
      repair: async () => {
        const { sql: query } = await castInQuery(this.session, view.query, { isRefused: true })
        view = { ...view, query }
        return createView(view)
      },
      finish: async () => {
        view = await this.withCasts(what, view)
        this.views.set(display(view), view)
        return await this.withColumns(what, view)
      },
    }
  }

  /** The view with the casts that keep its meaning, where the target takes it so. */
  private async withCasts(what: string, view: View): Promise<View> {
    const calls = this.macroNames.size > 0 && holdsText(view.query)
    if (!mayMix(view.query) && !calls) return view
    const { sql: query, isSure } = await castInQuery(this.session, view.query, {
      macros: this.macroNames,
    })
    const cast = { ...view, query }
    const isMade = query === view.query || (await this.replaceView(view, cast))
    if (!isSure || !isMade) this.unsure.push(what)
    return isMade ? cast : view
  }

  /** False, and nothing is changed, where the target does not take the other one. */
  private async replaceView(view: View, other: View): Promise<boolean> {
    await this.session.query(`DROP VIEW ${qualified(view.schema, view.name)}`)
    if (!(await this.refuses(createView(other)))) return true
    await this.session.query(createView(view))
    return false
  }

  /** Column names of a view may depend on the release; where they differ they are written out. */
  private async withColumns(what: string, view: View): Promise<string> {
    const sql = createView(view)
    if ('broken' in view.columns) return sql
    const name = qualified(view.schema, view.name)
    const now = await describeView(this.session, name)
    if ('broken' in now) throw refused(what, now.broken)
    const before = view.columns.map((column) => column.name)
    const after = now.map((column) => column.name)
    this.warnings.push(...typeWarnings(view, now))
    if (before.join('\0') === after.join('\0')) return sql
    if (before.length !== after.length)
      throw refused(what, `it had the columns ${before.join(', ')} and would have ${after.join(', ')}`)
    const named = createView({ ...view, aliases: `(${names(before)})` })
    await this.session.query(`DROP VIEW ${name}`)
    await this.session.query(named)
    return named
  }
}

function isMissing(name: string, complaint: string): boolean {
  const [, missing] = /with name "?(.+?)"? (?:does not exist|is not in the catalog)/.exec(complaint) ?? []
  return missing !== undefined && missing.toLowerCase().split('.').at(-1) === name.toLowerCase()
}

function refused(what: string, why: string): DuckfleetError {
  return new DuckfleetError('unsupported', `${what} cannot be carried over: ${why}`)
}
