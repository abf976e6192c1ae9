import { DuckDBInstance } from '@duckdb/node-api'
import { rename } from 'node:fs/promises'
import { ident, literal } from '../../src/migration/sql/sql.js'

/** Runs statements on a database file with the bundled engine of 1.5, in this process, and closes it. */
export async function runOn(file: string, ...statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await connection.run(`SET TimeZone = 'UTC'; ATTACH ${literal(file)} AS opened; USE opened`)
    for (const statement of statements) await connection.run(statement)
    await connection.run('CHECKPOINT; USE memory; DETACH opened')
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** The first column of a query on a database file, as text; the file is opened read-only. */
export async function readFrom(file: string, query: string): Promise<string[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await connection.run(`ATTACH ${literal(file)} AS opened (READ_ONLY); USE opened`)
    const reader = await connection.runAndReadAll(query)
    return reader.getRowsJson().map(([cell]) => (typeof cell === 'string' ? cell : JSON.stringify(cell)))
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Replaces a Parquet file by what a query over it gives; the query reads `exported`. */
export async function rewriteParquet(file: string, query: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await connection.run(`SET TimeZone = 'UTC'; SET preserve_insertion_order = true`)
    await connection.run(`CREATE VIEW exported AS SELECT * FROM parquet_scan(${literal(file)})`)
    await connection.run(
      `COPY (${query}) TO ${literal(`${file}.new`)} (FORMAT PARQUET, CODEC 'UNCOMPRESSED')`,
    )
    await rename(`${file}.new`, file)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** `SELECT` of every exported row with one column changed in the rows that a condition picks. */
export function change(column: string, to: string, where: string): string {
  return `SELECT * REPLACE (CASE WHEN ${where} THEN ${to} ELSE ${ident(column)} END AS ${ident(column)}) FROM exported`
}
