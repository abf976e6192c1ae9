import { DuckDBInstance } from '@duckdb/node-api'
import { type Session, SqlError } from '../../src/migration/sql/session.js'

/** An empty database of the bundled target in this process, with complaints as engine processes hand them on. */
export async function openTarget(): Promise<Session> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const query: Session['query'] = async (sql) => {
    try {
      const result = await connection.runAndReadAll(sql)
      return result.getRowObjectsJson() as Awaited<ReturnType<Session['query']>>
    } catch (error) {
      throw new SqlError(error instanceof Error ? error.message : String(error), sql)
    }
  }
  return { release: '1.5.6', query }
}
