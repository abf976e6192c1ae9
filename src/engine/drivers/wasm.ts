import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { literal } from '../../migration/sql/sql.js'
import { columnTypeOf } from '../parquet/column-type.js'
import type { ParquetColumn } from '../parquet/parquet-file.js'
import type { ExportPart, OpenOptions } from '../protocol.js'
import { copyStatement, type EngineDriver, megabytes, toRow } from './driver.js'
import { WasmExport, type WasmStatement } from './wasm-export.js'
import { attachInstead, lacksExtension } from './wasm-attach.js'

/** The part of `@duckdb/duckdb-wasm`'s blocking Node build that is used. */
interface WasmModule {
  createDuckDB(bundles: unknown, logger: { log(): void }, runtime: WasmRuntime): Promise<WasmBindings>
  readonly NODE_RUNTIME: WasmRuntime
}
type WasmRuntime = Record<string, unknown>
interface WasmBindings {
  instantiate(onProgress: () => void): Promise<unknown>
  open(config: { path: string; accessMode: number }): void
  reset(): void
  dropFiles(): void
  connect(): WasmConnection
}
interface WasmConnection {
  query(sql: string): { toArray(): { toJSON(): Record<string, unknown> }[] }
  prepare(sql: string): WasmStatement
  close(): void
}

interface Session {
  readonly id: number
  readonly connection: WasmConnection
  /** Gives another connection to the same database. */
  readonly connect: () => WasmConnection
  readonly mayStay: boolean
  /** The export whose next part is to come. */
  underWay: WasmExport | undefined
}

/** Bytes of a file that may stay open, and so take its place on the disk, until the next one is opened. */
const SMALL = 64e6

/**
 * Bytes of code that a function has executed, roughly, before V8 compiles it once more and better. By its default most
 * of the time of the first twenty small files went into compiling what a file uses for a millisecond; the loops of a big
 * file reach this in no time. A tenth of it took a tenth more CPU time for 40 small files, and no less for big ones.
 */
const TIERING_BUDGET = 300_000_000

const READ_ONLY = 2
const READ_WRITE = 3

/**
 * DuckDB compiled to WebAssembly: one database at a time, one thread, every file through Node's `fs`. So Node's
 * permission model confines it (facts §6). `guard` runs at every file access: a blocked event loop hears no other sign.
 */
export async function loadWasm(modulePath: string, guard: () => void): Promise<EngineDriver> {
  const dist = join(modulePath, 'dist')
  const api = createRequire(import.meta.url)(join(dist, 'duckdb-node-blocking.cjs')) as WasmModule
  const bundle = (name: string): unknown => ({
    mainModule: join(dist, `duckdb-${name}.wasm`),
    mainWorker: '',
  })
  const runtime = guarded(api.NODE_RUNTIME, guard)
  // Read when the module is made. An engine that does not know the flag says so, and goes on.
  setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`)
  // The package's own code: a function is looked at when it is first called, not all 17 MB of them before.
  setFlagsFromString('--wasm-lazy-validation')
  const bindings = await api.createDuckDB(
    { mvp: bundle('mvp'), eh: bundle('eh') },
    { log: () => undefined },
    runtime,
  )
  await bindings.instantiate(() => undefined)
  let current: Session | undefined
  const get = (id: number): Session => {
    if (current?.id !== id) throw new Error(`no session ${id}`)
    return current
  }
  return {
    open(id, options) {
      if (current) throw new Error('this engine has one database open at a time')
      const connect = openDatabase(bindings, options)
      const connection = connect()
      const mayStay = options.mode === 'read' && statSync(options.path).size <= SMALL
      current = { id, connection, connect, mayStay, underWay: undefined }
      limitMemory(connection, options)
      return Promise.resolve()
    },
    query(id, sql) {
      const rows = get(id).connection.query(sql).toArray()
      return Promise.resolve(rows.map((row) => toRow(row.toJSON())))
    },
    exportPart(id, part) {
      return Promise.resolve(exportPart(get(id), part))
    },
    lock() {
      // Confined from the start, by the permissions of its process.
      return Promise.resolve()
    },
    close(id) {
      const { connection, mayStay, underWay } = get(id)
      // Whatever fails now: the next file can be opened.
      current = undefined
      underWay?.close()
      connection.close()
      // Making an empty database takes as long as opening the next file, which takes the place of this one too.
      if (!mayStay) bindings.reset()
      // The engine keeps every file open that a statement named, also when it has been removed since.
      bindings.dropFiles()
      return Promise.resolve()
    },
  }
}

/** Gives what connects to the database. */
function openDatabase(bindings: WasmBindings, options: OpenOptions): () => WasmConnection {
  const { mode, path } = options
  try {
    if (mode === 'memory') bindings.reset()
    else bindings.open({ path, accessMode: mode === 'read' ? READ_ONLY : READ_WRITE })
    return () => bindings.connect()
  } catch (error) {
    if (!lacksExtension(error)) throw error
    const anew = (): WasmConnection => {
      bindings.reset()
      bindings.dropFiles()
      return bindings.connect()
    }
    const use = attachInstead(anew, options, error)
    return () => {
      const connection = bindings.connect()
      connection.query(use)
      return connection
    }
  }
}

/**
 * Writes flat columns as they come from the engine, which takes half of the time and of the memory of its own writer, and
 * can be done in parts. Whatever has other columns the engine writes.
 */
function exportPart(session: Session, part: ExportPart): boolean {
  if (part.first) {
    session.underWay?.close()
    session.underWay = startExport(part, session.connect)
  }
  const { underWay } = session
  if (underWay === undefined) {
    session.connection.query(copyStatement(part))
    return false
  }
  const { more, rows, bytes } = underWay.writePart(part.file)
  const tooBig = part.first && bytes * (part.rows / rows) > part.mostBytes
  if (more && !tooBig) return true
  underWay.close()
  session.underWay = undefined
  // The engine keeps a text that repeats once; the file is written over.
  if (more) session.connection.query(copyStatement(part))
  return false
}

function startExport({ query, columns }: ExportPart, connect: () => WasmConnection): WasmExport | undefined {
  const known = columns.flatMap(({ name, type }): ParquetColumn[] => {
    const found = columnTypeOf(type)
    return found === undefined ? [] : [{ name, type: found }]
  })
  // A connection of its own: a query on another's would end it.
  if (known.length < columns.length) return undefined
  const connection = connect()
  try {
    return new WasmExport(connection, query, known)
  } catch (error) {
    connection.close()
    throw error
  }
}

function limitMemory(connection: WasmConnection, options: OpenOptions): void {
  connection.query(`SET memory_limit = ${literal(megabytes(options.memoryLimit))}`)
  // 0.6 lets go of no block that it has read unless it may spill it: a table bigger than the limit could not be read.
  connection.query(`SET temp_directory = ${literal(join(options.folder, 'spilled'))}`)
}

/**
 * The runtime with `guard` before each file access. A write that fails (disk full) ends the process: the engine
 * would try again for ever.
 */
function guarded(runtime: WasmRuntime, guard: () => void): WasmRuntime {
  const wrap =
    (method: (...args: unknown[]) => unknown, onError: (error: unknown) => void) =>
    (...args: unknown[]): unknown => {
      guard()
      try {
        return method.apply(runtime, args)
      } catch (error) {
        onError(error)
        throw error
      }
    }
  for (const name of ['readFile', 'writeFile', 'openFile']) {
    const method = runtime[name]
    if (typeof method !== 'function') continue
    runtime[name] = wrap(
      method as (...args: unknown[]) => unknown,
      name === 'writeFile' ? failedWrite : () => undefined,
    )
  }
  return runtime
}

/** Thrown through the engine, it would be swallowed; the host hears of it by this event. */
function failedWrite(error: unknown): void {
  process.emit('uncaughtException', error instanceof Error ? error : new Error(String(error)))
}
