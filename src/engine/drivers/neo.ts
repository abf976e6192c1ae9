import { createRequire } from 'node:module'
import type * as Api from '@duckdb/node-api'
import { literal } from '../../migration/sql.js'
import type { OpenOptions } from '../protocol.js'
import { type EngineDriver, megabytes, toRow } from './driver.js'

interface Session {
  readonly instance: Api.DuckDBInstance
  readonly connection: Api.DuckDBConnection
}

/**
 * `@duckdb/node-api`, 1.1.3 and newer. A database is attached by its own name, so that STORAGE_VERSION can be given;
 * then the engine is confined to the job's folder and its configuration locked. Releases before 1.2 know no folder
 * to allow: they are confined by `lock`, once they have read what they need.
 */
export function loadNeo(modulePath: string): EngineDriver {
  const api = createRequire(import.meta.url)(modulePath) as typeof Api
  const sessions = new Map<number, Session>()
  const get = (id: number): Session => {
    const session = sessions.get(id)
    if (!session) throw new Error(`no session ${id}`)
    return session
  }
  return {
    async open(id, options) {
      const instance = await api.DuckDBInstance.create(':memory:', config(options))
      const connection = await instance.connect()
      sessions.set(id, { instance, connection })
      await setUp(connection, options)
    },
    async query(id, sql) {
      const reader = await get(id).connection.runAndReadAll(sql)
      const records: readonly Record<string, unknown>[] = reader.getRowObjectsJson()
      return records.map(toRow)
    },
    async lock(id) {
      const { connection } = get(id)
      const locked = await connection.runAndReadAll(`SELECT current_setting('lock_configuration') AS locked`)
      if (locked.getRowObjects()[0]?.['locked'] === true) return
      await connection.run(`SET enable_external_access = false`)
      await connection.run(`SET lock_configuration = true`)
    },
    async close(id) {
      const { instance, connection } = get(id)
      sessions.delete(id)
      try {
        // Writes what is still in the WAL and closes the file, so that an error shows here and not later.
        await connection.run('USE memory')
        await connection.run(`DETACH DATABASE IF EXISTS ${DATABASE}`)
      } finally {
        connection.closeSync()
        instance.closeSync()
      }
    },
  }
}

const DATABASE = 'file'

function config(options: OpenOptions): Record<string, string> {
  return {
    memory_limit: megabytes(options.memoryLimit),
    threads: String(options.threads),
    temp_directory: `${options.folder}/spill`,
    extension_directory: `${options.folder}/no-extensions`,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  }
}

async function setUp(connection: Api.DuckDBConnection, options: OpenOptions): Promise<void> {
  await connection.run(`SET TimeZone = 'UTC'`)
  const confined = await confine(connection, options.folder)
  if (options.mode !== 'memory') {
    const details = [
      ...(options.mode === 'read' ? ['READ_ONLY'] : []),
      ...(options.mode === 'create' && options.storageVersion ? [`STORAGE_VERSION ${literal(options.storageVersion)}`] : []),
    ]
    const list = details.length > 0 ? ` (${details.join(', ')})` : ''
    await connection.run(`ATTACH ${literal(options.path)} AS ${DATABASE}${list}`)
    await connection.run(`USE ${DATABASE}`)
  }
  if (confined) await connection.run('SET lock_configuration = true')
}

/** False where the release cannot allow one folder and forbid the rest (before 1.2). */
async function confine(connection: Api.DuckDBConnection, folder: string): Promise<boolean> {
  try {
    await connection.run(`SET allowed_directories = [${literal(`${folder}/`)}]`)
  } catch {
    return false
  }
  await connection.run('SET enable_external_access = false')
  return true
}
