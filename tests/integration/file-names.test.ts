import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { jobReports, runCli } from '../support/cli.js'
import { answers, answersOf, conformanceCases } from '../support/conformance.js'
import { TestEngine } from '../support/database.js'
import { ensureEngine, INSTALL_TIMEOUT_MS } from '../support/engines.js'

/** 0.8 writes the name of the file into a macro that calls another one, and refuses the macro in any other file. */
const SETUP = [
  'CREATE MACRO one(a) AS a + 1',
  'CREATE MACRO two(a) AS one(a) + 1',
  'CREATE TABLE parent(i INTEGER PRIMARY KEY)',
  'CREATE TABLE child(i INTEGER REFERENCES parent(i))',
  'INSERT INTO parent VALUES (1)',
  'INSERT INTO child VALUES (1)',
  'CREATE VIEW v AS SELECT two(i) AS x FROM child',
  'CHECKPOINT',
]
const CHECK = { name: 'names', checks: [{ sql: 'SELECT x::VARCHAR FROM v', want: [['3']] }] }

let folder: string
let engine: TestEngine
let old: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duckfleet-names-'))
  engine = await TestEngine.start(await ensureEngine('native:0.8.1'), folder)
  old = join(folder, 'fleet.one.duckdb')
  const database = await engine.open(old, 'create')
  for (const sql of SETUP) await database.query(sql)
  await database.close()
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await engine.stop()
  await rm(folder, { recursive: true })
})

async function upgrade(source: string, destination: string, release: string): Promise<string> {
  const options = { workDir: join(folder, 'work') }
  const result = await runCli(['upgrade', source, destination, '--to', release, '--json'], options)
  const [report] = jobReports(result)
  expect(report?.error).toBeNull()
  return report?.outcome ?? 'none'
}

it('macros that call macros, and views over them, are read under the name of their file', async () => {
  const destination = join(folder, 'renamed.duckdb')
  expect(await upgrade(old, destination, '1.5.6')).toBe('migrated')
  expect(await answers(destination, CHECK)).toEqual([[['3']]])
})

it('a file with dots in its name that has to be attached is read', async () => {
  const source = join(folder, 'zoned.new.duckdb')
  const database = await engine.open(source, 'create')
  await database.query(`CREATE TABLE t (z TIMESTAMPTZ, h BIGINT AS (date_part('hour', z)))`)
  await database.query(`INSERT INTO t VALUES ('2020-01-01 10:00:00+00')`)
  await database.query('CHECKPOINT')
  await database.close()
  const destination = join(folder, 'zoned.duckdb')
  expect(await upgrade(source, destination, '1.5.6')).toBe('migrated')
  const one = { name: 'zoned', checks: [{ sql: 'SELECT count(h)::VARCHAR AS x FROM t', want: [['1']] }] }
  expect(await answers(destination, one)).toEqual([[['1']]])
})

it('the new file of a release that keeps its name in macros is made under that name', async () => {
  const { folder: cases } = await conformanceCases('0.6.1')
  const source = join(cases, 'macro_scalar.duckdb')
  const destination = join(folder, 'checked.duckdb')
  const one = { name: 'macro', checks: [{ sql: 'SELECT add2(1)::VARCHAR AS x', want: [['3']] }] }
  expect(await upgrade(source, destination, '0.8.1')).toBe('migrated')
  expect(await answersOf(engine, destination, one)).toEqual([[['3']]])
})

it('a file that the target reads already is copied, byte for byte, once it has been read through', async () => {
  const destination = join(folder, 'copied', 'fleet.one.duckdb')
  expect(await upgrade(old, destination, '0.8.1')).toBe('copied')
  expect((await readFile(destination)).equals(await readFile(old))).toBe(true)
})

it('names that DuckDB keeps for itself, and names of schemas, do no harm', async () => {
  const reserved = join(folder, 'reserved')
  await mkdir(reserved)
  for (const name of [
    'temp.duckdb',
    'system.duckdb',
    'main.duckdb',
    'sales.duckdb',
    "it's a [name].duckdb",
  ]) {
    const source = join(reserved, name)
    const database = await engine.open(join(folder, 'plain.duckdb'), 'create')
    await database.query('CREATE SCHEMA sales')
    await database.query('CREATE TABLE sales.t AS SELECT 42 AS i')
    await database.query('CHECKPOINT')
    await database.close()
    await rename(join(folder, 'plain.duckdb'), source)
    for (const release of ['1.5.6', '0.8.1']) {
      const wanted = release === '0.8.1' ? 'copied' : 'migrated'
      expect([name, await upgrade(source, join(reserved, release, name), release)]).toEqual([name, wanted])
    }
  }
})
