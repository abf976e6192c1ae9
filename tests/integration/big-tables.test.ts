import { setMaxListeners } from 'node:events'
import { mkdtemp, realpath, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { EngineProcess } from '../../src/engine/process.js'
import { TestEngine } from '../support/database.js'
import { ensureEngine } from '../support/engines.js'
import { JobRig } from '../support/job-rig.js'

/*
 * Tables of more rows than one exported file holds, written by 0.8.1 and read by its WebAssembly engine.
 */

let folder: string
let rig: JobRig

beforeAll(async () => {
  folder = await realpath(await mkdtemp(path.join(tmpdir(), 'duckfleet-big-')))
  rig = await JobRig.start()
})

afterAll(async () => {
  await rig.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Makes a file of 0.8.1 and upgrades it; gives the exported files and their sizes. */
async function upgraded(name: string, ...statements: readonly string[]): Promise<readonly number[]> {
  const writer = await TestEngine.start(await ensureEngine('native:0.8.1'), folder)
  const file = path.join(folder, `${name}.duckdb`)
  try {
    const database = await writer.open(file, 'create')
    for (const statement of [...statements, 'CHECKPOINT']) await database.query(statement)
    await database.close()
  } finally {
    await writer.stop()
  }
  const sizes: number[] = []
  const exported = async (_: string, part: string): Promise<void> => {
    sizes.push((await stat(part)).size)
  }
  await rig.upgrade(file, { release: '1.5.6' }, { exported })
  return sizes
}

it('travel in several files, with NULLs, deleted rows and an index', async () => {
  const sizes = await upgraded(
    'parts',
    `CREATE TABLE t AS SELECT i::INTEGER AS id, CASE WHEN i % 7 > 0 THEN i / 8 END AS d, i % 3 = 0 AS b,
       CASE WHEN i % 5 > 0 THEN 'text ' || i END AS s, (i * 1000)::DECIMAL(20, 3) AS m, (i % 100)::UTINYINT AS u
     FROM range(2200000) r(i)`,
    'DELETE FROM t WHERE id % 11 = 0 OR id BETWEEN 900000 AND 960000',
    'CREATE UNIQUE INDEX t_id ON t (id)',
  )
  expect(sizes.length).toBe(2)
})

it('are written by the engine where that takes much less space', async () => {
  const sizes = await upgraded(
    'labels',
    `CREATE TABLE t AS SELECT 'a label that comes again and again, in nearly every row: ' || i % 3 AS s
     FROM range(2000000) r(i)`,
  )
  expect(sizes.length).toBe(1)
  expect(sizes[0]).toBeLessThan(20e6)
})

it('take no more time than an engine has that answers many questions at once', async () => {
  const engine = await ensureEngine('wasm:0.8.1')
  const process = await EngineProcess.start(
    engine,
    { folder, maxResident: 3e9 },
    new AbortController().signal,
  )
  const signal = new AbortController().signal
  try {
    const options = {
      path: path.join(folder, 'labels.duckdb'),
      mode: 'read',
      folder,
      memoryLimit: 1e9,
      threads: 1,
      storageVersion: undefined,
    } as const
    await process.open(1, options, 10_000, signal)
    const scan = 'SELECT count(DISTINCT s || s) AS n FROM t'
    const begun = performance.now()
    await process.query(1, scan, 60_000, signal)
    const one = performance.now() - begun
    // Each has time enough for three, and waits for eleven.
    setMaxListeners(0, signal)
    const all = Array.from({ length: 12 }, () => process.query(1, scan, 3 * one + 1_000, signal))
    expect(await Promise.all(all)).toHaveLength(12)
  } finally {
    await process.kill()
  }
})
