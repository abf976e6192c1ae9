import { readFileSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { z } from 'zod'
import type { TestEngine } from './database.js'
import { fixture } from './fixtures.js'

/** Rows as text, or whether the statement goes through. */
const outcome = z.union([
  z.literal('accepted'),
  z.literal('refused'),
  z.array(z.array(z.string().nullable())),
])
const expectations = z.record(
  z.string(),
  z.object({ checks: z.array(z.object({ sql: z.string(), want: outcome })) }),
)

/** What the release that wrote a file answered to a statement, or what an upgraded file answers to it. */
type Outcome = z.infer<typeof outcome>

/** One database file, and what its own release says about it. */
export interface ConformanceCase {
  readonly name: string
  readonly checks: readonly { readonly sql: string; readonly want: Outcome }[]
}

/** The cases of one release, and the folder that holds their files, `<name>.duckdb`. */
export async function conformanceCases(
  release: string,
  set: 'conformance' | 'pitfalls' | 'tables' = 'conformance',
): Promise<{ folder: string; cases: ConformanceCase[] }> {
  const folder = join(await fixture(set), release)
  const parsed = expectations.parse(JSON.parse(readFileSync(join(folder, 'expect.json'), 'utf8')))
  return { folder, cases: Object.entries(parsed).map(([name, { checks }]) => ({ name, checks })) }
}

/** Runs the checks, one after another, on a copy of the file: some of them write. */
export async function answers(file: string, one: ConformanceCase): Promise<Outcome[]> {
  const copy = `${file}.checked`
  await copyFile(file, copy)
  return await answersIn(copy, one)
}

/** The same on the file itself. */
export async function answersIn(file: string, { checks }: ConformanceCase): Promise<Outcome[]> {
  const instance = await DuckDBInstance.create(file)
  const connection = await instance.connect()
  const found: Outcome[] = []
  for (const { sql, want } of checks) {
    found.push(
      await ask(want, async () => {
        const result = await connection.runAndReadAll(sql)
        return result.getRowsJson().map((row) => row.map(asText))
      }),
    )
  }
  connection.closeSync()
  instance.closeSync()
  return found
}

/** The same with an engine in a process of its own, for releases that do not load here. */
export async function answersOf(engine: TestEngine, file: string, one: ConformanceCase): Promise<Outcome[]> {
  const copy = `${file}.checked`
  await copyFile(file, copy)
  return await answersOfIn(engine, copy, one)
}

export async function answersOfIn(
  engine: TestEngine,
  file: string,
  { checks }: ConformanceCase,
): Promise<Outcome[]> {
  const database = await engine.open(file, 'create')
  const found: Outcome[] = []
  for (const { sql, want } of checks) {
    found.push(
      await ask(want, async () => (await database.query(sql)).map((row) => Object.values(row).map(asText))),
    )
  }
  await database.close()
  return found
}

/** An error where rows were wanted is shown as what it is, so that a failed test says why. */
async function ask(want: Outcome, query: () => Promise<(string | null)[][]>): Promise<Outcome> {
  try {
    const rows = await query()
    return Array.isArray(want) ? rows : 'accepted'
  } catch (error) {
    return Array.isArray(want)
      ? [[`error: ${error instanceof Error ? error.message : String(error)}`]]
      : 'refused'
  }
}

function asText(value: unknown): string | null {
  if (value === null) return null
  return typeof value === 'string' ? value : JSON.stringify(value)
}
