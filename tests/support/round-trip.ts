import { copyFile, mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createUpgrader, type Upgrader } from '../../src/engine/upgrade.js'
import { HEADER_BYTES, parseHeader, type StorageHeader } from '../../src/migration/file/header.js'
import { SqlError } from '../../src/migration/sql/session.js'
import { ident, qualified } from '../../src/migration/sql/sql.js'
import type { Target } from '../../src/migration/upgrade.js'
import { type TestDatabase, TestEngine } from './database.js'
import { ensureEngine, installedEngines } from './engines.js'
import { dialectOf } from './random-dialect.js'
import { randomSchema, type RandomSchema } from './random-schema.js'
import type { RandomTable } from './random-table.js'
import { typeSql } from './random-type.js'
import { type Snapshot, takeSnapshot } from './snapshot.js'

export interface RoundTripOptions {
  /** A folder of its own, for everything. */
  readonly folder: string
  /** The engine that writes the files and reads them again, such as `native:0.8.1`. */
  readonly writer: string
  readonly target: Target
}

/** Writes random schemas with one engine, upgrades them, and compares what both ends hold, value by value. */
export class RoundTrip {
  private constructor(
    private readonly options: RoundTripOptions,
    private writer: TestEngine,
    private readonly reader: TestEngine,
    private readonly upgrader: Upgrader,
  ) {}

  static async prepare(options: RoundTripOptions): Promise<RoundTrip> {
    const { folder, writer, target } = options
    const engine = await ensureEngine(writer)
    const reader = await ensureEngine(`neo:${target.release}`)
    const upgrader = createUpgrader({ slotFolder: folder, engines: await installedEngines() })
    return new RoundTrip(
      options,
      await TestEngine.start(engine, folder),
      await TestEngine.start(reader, folder),
      upgrader,
    )
  }

  async close(): Promise<void> {
    await Promise.all([this.writer.stop(), this.reader.stop(), this.upgrader.close()])
  }

  /** The schema of a seed, in the dialect of the release that writes it. */
  schema(seed: number): RandomSchema {
    return randomSchema(seed, dialectOf(this.options.writer))
  }

  /** All schemas through one file; gives what went wrong, or undefined. */
  async run(schemas: readonly RandomSchema[]): Promise<string | undefined> {
    const folder = await mkdtemp(join(this.options.folder, 'trip-'))
    try {
      const source = join(folder, 'old.duckdb')
      await this.write(source, schemas)
      const copy = join(folder, 'copy.duckdb')
      await copyFile(source, copy)
      const wanted = await this.read(copy, schemas)
      return await this.compare(wanted, await this.upgrade(source, folder), schemas)
    } catch (error) {
      // It may have died of a value, and the next schema has others.
      await this.writer.stop()
      this.writer = await TestEngine.start(await ensureEngine(this.options.writer), this.options.folder)
      return error instanceof Error ? error.message : String(error)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  private async write(path: string, schemas: readonly RandomSchema[]): Promise<void> {
    const database = await this.writer.open(path, 'create')
    try {
      for (const { statements } of schemas)
        for (const statement of statements) await execute(database, statement)
      await database.query('CHECKPOINT')
    } finally {
      await database.close()
    }
  }

  private async upgrade(source: string, folder: string): Promise<string> {
    const job = join(folder, 'job')
    await mkdir(job)
    const request = {
      source: join(job, 'source.duckdb'),
      destination: join(job, 'target.duckdb'),
      folder: job,
    }
    await copyFile(source, request.source)
    const header = await readHeader(source)
    const settings = { header, target: this.options.target, verify: 'full', memory: 2e9, threads: 2 } as const
    await this.upgrader.upgrade({ ...request, ...settings }, AbortSignal.timeout(300_000))
    return request.destination
  }

  /** What the writer reads from its own file: the truth, since it may store something else than what was typed. */
  private async read(source: string, schemas: readonly RandomSchema[]): Promise<Snapshot> {
    const database = await this.writer.open(source, 'scratch')
    return await takeSnapshot(database, schemas, dialectOf(this.options.writer)).finally(() =>
      database.close(),
    )
  }

  private async compare(
    wanted: Snapshot,
    destination: string,
    schemas: readonly RandomSchema[],
  ): Promise<string | undefined> {
    const fresh = await this.reader.open(destination, 'scratch')
    try {
      const tables = schemas.flatMap((schema) => schema.tables)
      for (const table of tables) await checkTypes(fresh, table)
      // What the writer cannot be asked is left out.
      return firstDifference(wanted, await takeSnapshot(fresh, schemas, 'stable'))
    } finally {
      await fresh.close()
    }
  }
}

async function execute(database: TestDatabase, statement: string): Promise<void> {
  try {
    await database.query(statement)
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    throw new Error(`the writer refused: ${error.message}: ${statement}`, { cause: error })
  }
}

async function readHeader(path: string): Promise<StorageHeader> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const { buffer } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0)
    const result = parseHeader(buffer, size)
    if (result.kind !== 'database') throw new Error(result.reason)
    return result.header
  } finally {
    await file.close()
  }
}

/** The new file's columns must have the types that the source's were declared with. */
async function checkTypes(database: TestDatabase, table: RandomTable): Promise<void> {
  const declared = table.columns.map(({ type }, i) => `CAST(NULL AS ${typeSql(type)}) AS c${i}`)
  const found = table.columns.map(({ name }, i) => `${ident(name)} AS c${i}`)
  const types = async (query: string): Promise<unknown[]> =>
    (await database.query(`DESCRIBE ${query}`)).map((row) => row['column_type'])
  const wanted = await types(`SELECT ${declared.join(', ')}`)
  const actual = await types(`SELECT ${found.join(', ')} FROM ${qualified(table.schema, table.name)}`)
  const at = wanted.findIndex((type, i) => type !== actual[i])
  if (at >= 0)
    throw new Error(
      `column ${table.name}.${table.columns[at]?.name ?? ''} was ${String(wanted[at])} and is ${String(actual[at])}`,
    )
}

function firstDifference(wanted: Snapshot, found: Snapshot): string | undefined {
  for (const [what, lines] of wanted) {
    const others = found.get(what) ?? []
    const at = Array.from({ length: Math.max(lines.length, others.length) }, (_, i) => i).find(
      (i) => lines[i] !== others[i],
    )
    if (at !== undefined)
      return `${what}: line ${at + 1} was\n  ${String(lines[at])}\nand is\n  ${String(others[at])}`
  }
  return undefined
}
