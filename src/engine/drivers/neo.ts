import { createRequire } from 'node:module'
import type * as Api from '@duckdb/node-api'
import { compareReleases } from '../../migration/file/releases.js'
import { whileReplaying } from '../../migration/replay.js'
import { ident, literal } from '../../migration/sql/sql.js'
import type { OpenOptions } from '../protocol.js'
import { copyStatement, type EngineDriver, megabytes, toRow } from './driver.js'

/**
 * An empty database that sessions go back to. A name in two parts is ambiguous where the first one is a database and a
 * schema: so no database has a name that a file may have for a schema, as `memory` is, the engine's own one.
 */
const HOME_NAME = 'duckfleet home'
const HOME = `${ident(HOME_NAME)}.main`

interface Session {
  readonly connection: Api.DuckDBConnection
  readonly instance: Instance
  /** Under this name its database is attached, as SQL. */
  readonly database: string
}

interface Instance {
  readonly key: string
  readonly engine: Api.DuckDBInstance
  /** False where only `lock` can keep the engine from other files. */
  readonly confined: boolean
}

/**
 * `@duckdb/node-api`, 1.1.3 and newer. One instance serves all sessions of the process, each database attached under a
 * name of its own: making an instance takes longer than moving a small table. It is confined to the slot's folder and
 * its configuration locked before it opens any file. Releases before 1.2 know no folder to allow: they are confined
 * by `lock`, once they have read what they need, so each of their sessions has an instance of its own.
 */
export function loadNeo(modulePath: string, root: string): EngineDriver {
  const api = createRequire(import.meta.url)(modulePath) as typeof Api
  const sessions = new Map<number, Session>()
  let shared: Instance | undefined
  const get = (id: number): Session => {
    const session = sessions.get(id)
    if (!session) throw new Error(`no session ${id}`)
    return session
  }
  const instanceFor = async (options: OpenOptions): Promise<Instance> => {
    const key = JSON.stringify([options.memoryLimit, options.threads, options.withoutRuns])
    if (shared && (sessions.size > 0 || shared.key === key)) return shared
    if (shared) close(shared.engine)
    const instance = { key, ...(await createInstance(api, options, root)) }
    shared = instance.confined ? instance : undefined
    return instance
  }
  return {
    async open(id, options) {
      const instance = await instanceFor(options)
      const connection = await instance.engine.connect()
      const database = ident(options.name ?? `duckfleet database ${id}`)
      sessions.set(id, { connection, instance, database })
      if (options.mode !== 'create' || !(await attachWithoutWal(connection, database, options)))
        await attach(connection, database, options)
    },
    async query(id, sql) {
      return (await readAll(get(id).connection, sql)).map(toRow)
    },
    async exportPart(id, part) {
      await get(id).connection.run(copyStatement(part))
      return false
    },
    async lock(id) {
      const { connection, instance } = get(id)
      if (instance.confined) return
      await connection.run('SET enable_external_access = false')
      await connection.run('SET lock_configuration = true')
    },
    async close(id) {
      const { connection, instance, database } = get(id)
      sessions.delete(id)
      try {
        await connection.run(`USE ${HOME}`)
        await connection.run(`DETACH DATABASE IF EXISTS ${database}`)
        if (sessions.size === 0) await detachAll(connection)
      } finally {
        close(connection)
        if (!instance.confined) close(instance.engine)
      }
    },
  }
}

/** 1.1 has another method for connections, and none for instances: those end when nobody refers to them. */
function close(one: { closeSync?: () => void; close?: () => void }): void {
  if (one.closeSync) one.closeSync()
  else one.close?.()
}

async function createInstance(
  api: typeof Api,
  options: OpenOptions,
  root: string,
): Promise<Omit<Instance, 'key'>> {
  const engine = await api.DuckDBInstance.create(':memory:', {
    memory_limit: megabytes(options.memoryLimit),
    threads: String(options.threads),
    temp_directory: `${root}/spill`,
    extension_directory: `${root}/no-extensions`,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    // Without a WAL a new file is checkpointed once, at its end: each time before, all indexes are written again.
    ...(needsNoWal(api) ? { checkpoint_threshold: '1TB' } : {}),
  })
  const connection = await engine.connect()
  try {
    await connection.run(`SET GLOBAL TimeZone = 'UTC'`)
    // Parquet files are read from the disk each time: what is verified is the file, not what the engine kept of it.
    await setWhereKnown(connection, 'enable_external_file_cache', 'false')
    if (options.withoutRuns) await setWhereKnown(connection, 'disabled_compression_methods', `'rle'`)
    await connection.run(`ATTACH ':memory:' AS ${ident(HOME_NAME)}`)
    await connection.run(`USE ${HOME}`)
    await connection.run('DETACH memory')
    const confined = await confine(connection, root)
    return { engine, confined }
  } finally {
    close(connection)
  }
}

/** From 1.5 on; see {@link attachWithoutWal}. */
function needsNoWal(api: typeof Api): boolean {
  return compareReleases(api.version().replace(/^v/, ''), '1.5.0') >= 0
}

/**
 * A new file is whole once it was closed, or it is made again: a WAL would only write its rows twice, and wait for the
 * disk after every statement. False, and nothing attached, where the release cannot do without (before 1.5).
 */
async function attachWithoutWal(
  connection: Api.DuckDBConnection,
  database: string,
  options: OpenOptions,
): Promise<boolean> {
  try {
    await attach(connection, database, options, [`RECOVERY_MODE 'no_wal_writes'`])
    return true
  } catch (error) {
    if (error instanceof Error && /recovery_mode/i.test(error.message)) return false
    throw error
  }
}

async function attach(
  connection: Api.DuckDBConnection,
  database: string,
  { mode, path, storageVersion }: OpenOptions,
  more: readonly string[] = [],
): Promise<void> {
  const details = [
    ...(mode === 'read' ? ['READ_ONLY'] : []),
    ...(mode === 'create' && storageVersion ? [`STORAGE_VERSION ${literal(storageVersion)}`] : []),
    ...more,
  ]
  const list = details.length > 0 ? ` (${details.join(', ')})` : ''
  const run = (sql: string): Promise<unknown> => connection.run(sql)
  const open = async (): Promise<void> => {
    await run(`ATTACH ${literal(mode === 'memory' ? ':memory:' : path)} AS ${database}${list}`)
    await run(`USE ${database}.main`)
  }
  // In this mode a WAL is written into the file.
  await (mode === 'scratch' ? whileReplaying(run, open) : open())
}

/**
 * The rows of a statement. They are in memory when it has run, but the package asks the engine's thread for each chunk of
 * them, and for the end: for a short answer that takes as long as the statement.
 */
async function readAll(
  connection: Api.DuckDBConnection,
  sql: string,
): Promise<readonly Record<string, unknown>[]> {
  const result = await connection.run(sql)
  let next = 0
  result.fetchChunk = () => Promise.resolve(next < result.chunkCount ? result.getChunk(next++) : null)
  return await result.getRowObjectsJson()
}

/**
 * Whatever sessions attached by statements of their own: the next job finds nothing of the one before. Such a source keeps
 * its WAL: a checkpoint would change what the new file is still to be compared with.
 */
async function detachAll(connection: Api.DuckDBConnection): Promise<void> {
  const attached = await readAll(
    connection,
    `SELECT database_name AS name FROM duckdb_databases() WHERE NOT internal AND database_name <> ${literal(HOME_NAME)}`,
  )
  await connection.run('PRAGMA disable_checkpoint_on_shutdown')
  try {
    for (const { name } of attached)
      if (typeof name === 'string') await connection.run(`DETACH DATABASE ${ident(name)}`)
  } finally {
    // The next new file is whole only once it is checkpointed.
    await connection.run('PRAGMA enable_checkpoint_on_shutdown')
  }
}

/** A setting that releases before 1.3 may not know: they do not do what it is to keep them from, or cannot help it. */
async function setWhereKnown(connection: Api.DuckDBConnection, name: string, value: string): Promise<void> {
  try {
    await connection.run(`SET GLOBAL ${name} = ${value}`)
  } catch (error) {
    if (!(error instanceof Error && error.message.includes(name))) throw error
  }
}

/** False where the release cannot allow one folder and forbid the rest (before 1.2). */
async function confine(connection: Api.DuckDBConnection, root: string): Promise<boolean> {
  try {
    await connection.run(`SET allowed_directories = [${literal(`${root}/`)}]`)
  } catch {
    return false
  }
  await connection.run('SET enable_external_access = false')
  await connection.run('SET lock_configuration = true')
  return true
}
