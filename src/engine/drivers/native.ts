import { createRequire } from 'node:module'
import { literal } from '../../migration/sql/sql.js'
import type { OpenOptions } from '../protocol.js'
import { copyStatement, type EngineDriver, megabytes, toRow } from './driver.js'

/** The part of npm's `duckdb` that is used; its typings differ between releases. */
interface LegacyModule {
  Database: new (path: string, accessMode: number, done: (error: Error | null) => void) => LegacyDatabase
  readonly OPEN_READONLY: number
  readonly OPEN_READWRITE: number
  readonly OPEN_CREATE: number
}
interface LegacyDatabase {
  connect(): LegacyConnection
  close(done: (error: Error | null) => void): void
}
interface LegacyConnection {
  all(sql: string, done: (error: Error | null, rows: Record<string, unknown>[] | undefined) => void): void
}
interface Session {
  readonly database: LegacyDatabase
  readonly connection: LegacyConnection
}

/** npm's `duckdb`, compiled for one release. It is the only driver that writes files of 0.8.1. */
export function loadNative(modulePath: string): EngineDriver {
  const api = createRequire(import.meta.url)(modulePath) as LegacyModule
  const sessions = new Map<number, Session>()
  const get = (id: number): Session => {
    const session = sessions.get(id)
    if (!session) throw new Error(`no session ${id}`)
    return session
  }
  return {
    async open(id, options) {
      const database = await openDatabase(api, options)
      const connection = database.connect()
      sessions.set(id, { database, connection })
      await all(connection, `SET memory_limit = ${literal(megabytes(options.memoryLimit))}`)
      await all(connection, `SET threads = ${options.threads}`)
      await all(connection, `SET temp_directory = ${literal(`${options.folder}/spill-${id}`)}`)
    },
    async query(id, sql) {
      return (await all(get(id).connection, sql)).map(toRow)
    },
    async exportPart(id, part) {
      await all(get(id).connection, copyStatement(part))
      return false
    },
    async lock(id) {
      await all(get(id).connection, 'SET enable_external_access = false')
    },
    async close(id) {
      const { database } = get(id)
      sessions.delete(id)
      await new Promise<void>((resolve, reject) => {
        database.close((error) => {
          if (error) reject(error)
          else resolve()
        })
      })
    },
  }
}

function openDatabase(api: LegacyModule, { path, mode }: OpenOptions): Promise<LegacyDatabase> {
  const access = mode === 'read' ? api.OPEN_READONLY : api.OPEN_READWRITE | api.OPEN_CREATE
  return new Promise((resolve, reject) => {
    const database: LegacyDatabase = new api.Database(
      mode === 'memory' ? ':memory:' : path,
      access,
      (error) => {
        if (error) reject(error)
        else resolve(database)
      },
    )
  })
}

function all(connection: LegacyConnection, sql: string): Promise<Record<string, unknown>[]> {
  return new Promise((resolve, reject) => {
    connection.all(sql, (error, rows) => {
      if (error) reject(error)
      else resolve(rows ?? [])
    })
  })
}
