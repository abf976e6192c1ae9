import { link, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Session } from '../migration/sql/session.js'

/**
 * True when a database, which has the name of its file, has a schema of that name too: 0.7 and 0.8 then refuse
 * `schema.table` as ambiguous.
 */
export async function hasClashingName(database: Session): Promise<boolean> {
  const clashes = await database.query(
    'SELECT 1 AS one FROM duckdb_schemas() WHERE lower(schema_name) = lower(current_database()) LIMIT 1',
  )
  return clashes.length > 0
}

/** Gives the file, and its WAL if it has one, a second name that no schema has. */
export async function linkUnderPlainName(file: string, wal: boolean): Promise<string> {
  const folder = join(dirname(file), 'plain')
  const plain = join(folder, 'duckfleet-source.duckdb')
  await mkdir(folder, { recursive: true })
  await link(file, plain)
  if (wal) await link(`${file}.wal`, `${plain}.wal`)
  return plain
}
