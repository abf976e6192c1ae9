import { setMaxListeners } from 'node:events'
import { constants, copyFile, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, parse } from 'node:path'
import { systemCode } from '../errors.js'
import type { Database, Engines, Export } from '../migration/ports.js'
import { storageVersionFor } from '../migration/file/releases.js'
import type { UpgradeRequest } from '../migration/upgrade.js'
import { hasClashingName, linkUnderPlainName } from './clashing-name.js'
import type { ReadBytes } from '../migration/file/blocks.js'
import { macrosAlone } from '../migration/file/macros-alone.js'
import { storedCatalogDigest } from '../migration/file/stored-catalog.js'
import { readStoredNumbers, type StoredNumbers } from '../migration/file/stored-numbers.js'
import { reading } from './check-file.js'
import type { InstalledEngine } from './locate.js'
import type { EngineProcess } from './process.js'
import type { OpenMode, OpenOptions } from './protocol.js'
import type { EngineSlot } from './slot.js'
import { threadsFor } from './threads.js'

/** Time for an answer, whatever the file: longer than any engine needs for a small one on a busy machine. */
const PATIENCE_MS = 9_000
const MS_PER_MEGABYTE = 1_000
const MS_PER_ROW = 0.05
const MOST_PATIENCE_MS = 12 * 3_600_000

/** What an engine process takes besides the memory that its engine is allowed. */
const PROCESS_OVERHEAD = 600e6
/** A 32-bit engine dies at 4 GB; what it allocates beside its buffers needs room too. */
const MOST_WASM_MEMORY = 1.5e9
const LEAST_ENGINE_MEMORY = 64e6

/** How many times as big as the source the files of one table may be; the space for a job is looked at before. */
const INTERMEDIATE = 2

/** Storage versions of 0.7 and 0.8, where the name of a file is the name of its database. */
const NAMED_BY_FILE = new Set([43, 51])

/** The engines of one job, in processes of a slot. */
export class JobEngines implements Engines {
  private rows = 0
  private source: string
  private readonly sessionsOf = new Map<EngineProcess, Set<number>>()
  private readonly processes = new Map<InstalledEngine, Promise<EngineProcess>>()
  private readonly stopper = new AbortController()
  private readonly signal: AbortSignal
  private readonly detach: () => void

  private constructor(
    private readonly slot: EngineSlot,
    private readonly request: UpgradeRequest,
    private readonly reader: InstalledEngine,
    private readonly writer: InstalledEngine,
    private readonly bytes: number,
    readonly wal: Engines['wal'],
    signal: AbortSignal,
    private readonly withoutRuns: boolean,
  ) {
    this.source = request.source
    const onAbort = (): void => {
      this.stopper.abort(signal.reason)
    }
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    this.signal = this.stopper.signal
    // Every request under way listens, and many are under way at once.
    setMaxListeners(0, this.signal)
    this.detach = () => {
      signal.removeEventListener('abort', onAbort)
    }
  }

  static async create(
    slot: EngineSlot,
    request: UpgradeRequest,
    reader: InstalledEngine,
    writer: InstalledEngine,
    signal: AbortSignal,
    withoutRuns = false,
  ): Promise<JobEngines> {
    const wal = await readWal(`${request.source}.wal`)
    const { size } = await stat(request.source)
    return new JobEngines(slot, request, reader, writer, size + (wal?.size ?? 0), wal, signal, withoutRuns)
  }

  get catalogs(): Engines['catalogs'] {
    return this.slot.catalogs
  }

  get schemas(): Engines['schemas'] {
    return this.slot.schemas
  }

  async storedCatalog(): Promise<string | undefined> {
    // A WAL holds objects too.
    if (this.wal) return undefined
    const { source, header } = this.request
    try {
      return await reading(source, this.signal, (read) => storedCatalogDigest(read, header.storageVersion))
    } catch {
      // Whatever is wrong with the file: its engine says so.
      return undefined
    }
  }

  async storedNumbers(): Promise<StoredNumbers | undefined> {
    const { source, header } = this.request
    const numbers = (readWal?: ReadBytes): Promise<StoredNumbers | undefined> =>
      reading(source, this.signal, (read) => readStoredNumbers(read, header.storageVersion, readWal))
    return await (this.wal ? reading(`${source}.wal`, this.signal, numbers) : numbers())
  }

  get targetRelease(): string {
    return this.writer.release
  }

  get sourceConfined(): boolean {
    return this.reader.driver !== 'native'
  }

  get sourcePath(): string {
    return this.source
  }

  path(name: string): string {
    return join(this.request.folder, name)
  }

  expectRows(rows: bigint): void {
    this.rows = Number(rows)
  }

  stop(): void {
    this.stopper.abort()
  }

  async openSource(): Promise<Database> {
    const database = await this.open(this.reader, this.source, 'read')
    if (!NAMED_BY_FILE.has(this.request.header.storageVersion) || !(await hasClashingName(database)))
      return database
    await database.close()
    this.source = await linkUnderPlainName(this.request.source, this.wal !== undefined)
    return await this.open(this.reader, this.source, 'read')
  }

  async openScratch(): ReturnType<Engines['openScratch']> {
    const folder = this.path('scratch')
    const copy = join(folder, 'copy', basename(this.source))
    await mkdir(dirname(copy), { recursive: true })
    const macros = await this.macrosAlone()
    if (macros) await writeFile(copy, macros)
    else await copyFile(this.source, copy, constants.COPYFILE_FICLONE)
    if (this.wal) await copyFile(`${this.source}.wal`, `${copy}.wal`, constants.COPYFILE_FICLONE)
    const session = await this.open(this.reader, copy, 'scratch')
    return {
      session,
      bare: macros !== undefined,
      folder,
      readText: (name) => readFile(join(folder, name), 'utf8'),
      close: async () => {
        await session.close()
        await rm(folder, { recursive: true, force: true })
      },
    }
  }

  private async macrosAlone(): Promise<Uint8Array | undefined> {
    // A WAL holds objects too.
    if (this.wal) return undefined
    const { storageVersion } = this.request.header
    return await reading(this.source, this.signal, (read) => macrosAlone(read, storageVersion))
  }

  createTarget(name?: string): Promise<Database> {
    return this.open(this.writer, this.request.destination, 'create', name)
  }

  get targetName(): string {
    return parse(this.request.destination).name
  }

  async openTarget(name?: string): Promise<Database> {
    const { destination } = this.request
    // One that somebody else made may have a WAL, which an engine may have to write into the file (our copy of it).
    const wal = await readWal(`${destination}.wal`)
    return await this.open(this.writer, destination, wal ? 'scratch' : 'read', name)
  }

  async openReference(name?: string): Promise<Database> {
    const reference = await this.open(this.writer, '', 'memory', name)
    await reference.lock()
    return reference
  }

  /** Closes what the job left open, and gives the processes back; one that is still at work is ended. */
  async close(): Promise<void> {
    this.detach()
    const started = await Promise.allSettled(this.processes.values())
    this.processes.clear()
    await Promise.all(
      started.flatMap((start) => (start.status === 'fulfilled' ? [this.retire(start.value)] : [])),
    )
  }

  private async retire(process: EngineProcess): Promise<void> {
    try {
      for (const session of this.sessionsOf.get(process) ?? [])
        if (process.alive && !process.busy)
          await process.close(session, PATIENCE_MS, AbortSignal.timeout(PATIENCE_MS))
    } catch {
      // An engine that cannot close its file is of no more use; its complaint comes after the job has failed.
      await process.kill()
    }
    if (process.busy) await this.slot.discard(process)
    else await this.slot.release(process)
  }

  private async open(
    engine: InstalledEngine,
    path: string,
    mode: OpenMode,
    name?: string,
  ): Promise<Database> {
    const process = await this.processOf(engine)
    const id = process.nextSession()
    const sessions = this.sessionsOf.get(process) ?? new Set()
    this.sessionsOf.set(process, sessions.add(id))
    const printed = await process.open(
      id,
      { ...this.options(engine, path, mode), name },
      this.patience(),
      this.signal,
    )
    return {
      release: engine.release,
      printed,
      query: (sql) => process.query(id, sql, this.patience(), this.signal),
      exportParquet: (what) => this.exportParquet(process, id, what),
      lock: () => process.lock(id, this.patience(), this.signal),
      close: async () => {
        if (sessions.delete(id) && process.alive) await this.closeSession(process, id)
      },
    }
  }

  private async closeSession(process: EngineProcess, id: number): Promise<void> {
    try {
      await process.close(id, this.patience(), this.signal)
    } catch (error) {
      // What it still has open would be in the way of the next file.
      await process.kill()
      throw error
    }
  }

  private async *exportParquet(
    process: EngineProcess,
    session: number,
    { query, columns, file, rows }: Export,
  ): AsyncGenerator<string> {
    const mostBytes = INTERMEDIATE * this.bytes
    let more = true
    for (let number = 0; more; number++) {
      const path = this.path(`${file}-${number}.parquet`)
      const part = { query, columns, file: path, first: number === 0, rows: Number(rows), mostBytes }
      more = await process.exportPart(session, part, this.patience(), this.signal)
      yield path
    }
  }

  /** The job's process of an engine; it is started when it is first needed. */
  private processOf(engine: InstalledEngine): Promise<EngineProcess> {
    const started = this.processes.get(engine)
    if (started) return started
    const starting = this.slot.acquire(engine, this.memoryOf(engine) + PROCESS_OVERHEAD, this.signal)
    this.processes.set(engine, starting)
    return starting
  }

  private memoryOf(engine: InstalledEngine): number {
    const { memory } = this.request
    // One engine for both files, or half for each.
    const share = this.reader === this.writer ? memory : memory / 2
    return Math.max(LEAST_ENGINE_MEMORY, engine.driver === 'wasm' ? Math.min(share, MOST_WASM_MEMORY) : share)
  }

  private options(engine: InstalledEngine, path: string, mode: OpenMode): Omit<OpenOptions, 'name'> {
    const { threads, folder, target, header } = this.request
    return {
      path,
      mode,
      folder,
      threads: threadsFor(this.bytes, threads),
      memoryLimit: this.memoryOf(engine),
      storageVersion: storageVersionFor(header, target),
      withoutRuns: this.withoutRuns,
    }
  }

  private patience(): number {
    const needed = PATIENCE_MS + (this.bytes / 1e6) * MS_PER_MEGABYTE + this.rows * MS_PER_ROW
    return Math.min(MOST_PATIENCE_MS, Math.round(needed))
  }
}

async function readWal(path: string): Promise<Engines['wal']> {
  try {
    const file = await open(path, 'r')
    try {
      const { size } = await file.stat()
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1))
      return { size, lastByte: buffer[0] ?? 0 }
    } finally {
      await file.close()
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
