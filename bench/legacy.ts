import { createRequire } from 'node:module'

/** The part of npm's `duckdb` that is used. */
interface LegacyModule {
  readonly OPEN_READONLY: number
  readonly OPEN_READWRITE: number
  readonly OPEN_CREATE: number
  Database: new (path: string, mode: number, done: (error: Error | null) => void) => LegacyDatabase
}
interface LegacyDatabase {
  exec(sql: string, done: (error: Error | null) => void): void
  close(done: (error: Error | null) => void): void
}

/** Runs statements on a file with an old native engine and its default settings, and closes the file. */
export async function runLegacy(
  modulePath: string,
  file: string,
  mode: 'read' | 'create',
  statements: readonly string[],
): Promise<void> {
  const api = createRequire(import.meta.url)(modulePath) as LegacyModule
  const access = mode === 'read' ? api.OPEN_READONLY : api.OPEN_READWRITE | api.OPEN_CREATE
  const database = await new Promise<LegacyDatabase>((resolve, reject) => {
    const opened: LegacyDatabase = new api.Database(file, access, (error) => {
      if (error) reject(error)
      else resolve(opened)
    })
  })
  for (const sql of statements) {
    await settled((done) => {
      database.exec(sql, done)
    })
  }
  await settled((done) => {
    database.close(done)
  })
}

function settled(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error) reject(error)
      else resolve()
    })
  })
}
