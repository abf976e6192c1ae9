import { copyFile, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EngineProcess } from '../../src/engine/process.js'
import { literal } from '../../src/migration/sql/sql.js'
import { ensureEngine } from '../support/engines.js'
import { fixture } from '../support/fixtures.js'
import { JobRig } from '../support/job-rig.js'
import { readFrom, runOn } from '../support/neo.js'

/** Hostile files of the fixtures name this file and this address. */
const CANARY_FOLDER = '/tmp/duckfleet-canary'
const CANARY = `${CANARY_FOLDER}/secret.csv`
const PORT = 39_871
const SECRET = `CANARY-${process.pid}-${Date.now()}`
const NEWEST = { release: '1.5.6' }
const REWRITTEN = { release: '1.5.6', storageVersion: 'v1.5.0' }

let made: string
let folder: string
let server: Server
let requests = 0
beforeAll(async () => {
  await mkdir(CANARY_FOLDER, { recursive: true })
  await writeFile(CANARY, `secret\n${SECRET}\n`)
  await runOn(
    join(CANARY_FOLDER, 'other.duckdb'),
    `CREATE OR REPLACE TABLE secrets AS SELECT '${SECRET}' AS secret`,
  )
  await runOn(
    join(CANARY_FOLDER, 'maker.duckdb'),
    `COPY (SELECT '${SECRET}' AS secret) TO '${CANARY_FOLDER}/secret.parquet' (FORMAT PARQUET)`,
  )
  made = await fixture('made')
  folder = await realpath(await mkdtemp(join(tmpdir(), 'duckfleet-hostile-')))
  server = createServer((_, response) => {
    requests++
    response.end(`secret\n${SECRET}\n`)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(PORT, '127.0.0.1', resolve)
  })
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true, force: true })
  await rm(CANARY_FOLDER, { recursive: true, force: true })
})

/** Every file below a folder, with its content where that is asked for. */
async function filesIn(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** Nobody read the canary, asked the server, or wrote beside the canary. */
async function expectUntouched(before: readonly string[], said: unknown, job: string): Promise<void> {
  expect(requests).toBe(0)
  expect(await filesIn(CANARY_FOLDER)).toEqual(before)
  expect(JSON.stringify(said)).not.toContain(SECRET)
  for (const file of await filesIn(job)) expect((await readFile(file)).includes(SECRET), file).toBe(false)
}

describe.each([
  { release: '0.6.1', prefer: 'wasm' },
  { release: '0.8.1', prefer: 'wasm' },
  { release: '0.8.1', prefer: 'native' },
] as const)('a hostile file of $release, read by $prefer', ({ release, prefer }) => {
  let rig: JobRig
  beforeAll(async () => {
    if (prefer === 'native') await ensureEngine(`native:${release}`)
    rig = await JobRig.start(prefer)
  })
  afterAll(async () => {
    await rig.stop()
  })

  it('is upgraded without reading, asking or writing anything, and its views stay what they are', async () => {
    const before = await filesIn(CANARY_FOLDER)
    let views: readonly string[] = []
    const result = await rig.upgrade(
      join(made, `hostile-${release}.duckdb`),
      NEWEST,
      {},
      async (target, job) => {
        views = await readFrom(target, `SELECT sql FROM duckdb_views() WHERE NOT internal ORDER BY view_name`)
        expect(await readFrom(target, 'SELECT count(*)::INTEGER FROM kept')).toEqual(['2'])
        await expectUntouched(before, views, job)
      },
    )
    await expectUntouched(before, result, rig.slotFolder)
    expect(views).toHaveLength(8)
    expect(views.join('\n')).toContain(`read_csv_auto('${CANARY}'`)
    expect(result.warnings.join('\n')).toMatch(/view main\.over_csv was broken already and is kept as it is/)
    expect(result.warnings.join('\n')).toMatch(/view main\.over_web was broken already and is kept as it is/)
  })

  it('keeps macros that the target would bind by reading the canary, and reads nothing', async () => {
    const before = await filesIn(CANARY_FOLDER)
    let macros: readonly string[] = []
    const result = await rig.upgrade(join(made, `refused-${release}.duckdb`), NEWEST, {}, async (target) => {
      macros = await readFrom(
        target,
        `SELECT macro_definition FROM duckdb_functions() WHERE NOT internal AND function_type LIKE '%macro'`,
      )
    })
    await expectUntouched(before, result, rig.slotFolder)
    expect(macros).toEqual([expect.stringMatching(/read_csv_auto\('(\/tmp\/duckfleet-canary|http:)/)])
    expect(result.warnings.join('\n')).toMatch(
      /macro main\.(steal|web) was broken already and is kept as it is/,
    )
  })
})

describe('a hostile file of 1.x', () => {
  let rig: JobRig
  let hostile: string
  beforeAll(async () => {
    rig = await JobRig.start()
    hostile = join(folder, 'hostile.duckdb')
    await runOn(
      hostile,
      'CREATE TABLE kept AS SELECT 1 AS id',
      `CREATE VIEW over_csv AS FROM read_csv('${CANARY}', header = true)`,
      `CREATE VIEW over_text AS SELECT content FROM read_text('${CANARY}')`,
      `CREATE VIEW over_glob AS FROM glob('/etc/*')`,
      `CREATE VIEW over_parquet AS FROM '${CANARY_FOLDER}/secret.parquet'`,
      `CREATE MACRO getenv(name) AS name`,
      `CREATE TABLE defaults (id INTEGER, home VARCHAR DEFAULT (current_setting('home_directory')))`,
      `INSERT INTO defaults VALUES (1, 'none')`,
      `CREATE VIEW over_env AS SELECT getenv('HOME') AS home`,
      `CREATE TABLE "http://127.0.0.1:${PORT}/a.csv" (id INTEGER)`,
      `CREATE VIEW over_web AS FROM 'http://127.0.0.1:${PORT}/a.csv'`,
      `DROP TABLE "http://127.0.0.1:${PORT}/a.csv"`,
      `CREATE MACRO steal() AS (SELECT max(secret) FROM read_csv('${CANARY}', header = true))`,
      `CREATE MACRO loot() AS TABLE FROM read_text('${CANARY}')`,
    )
    requests = 0
  })
  afterAll(async () => {
    await rig.stop()
  })

  it('is copied object by object without reading, asking or writing anything', async () => {
    const before = await filesIn(CANARY_FOLDER)
    const result = await rig.upgrade(hostile, REWRITTEN, {}, async (target, job) => {
      const views = await readFrom(target, `SELECT sql FROM duckdb_views() WHERE NOT internal`)
      expect(views).toHaveLength(6)
      expect(await readFrom(target, 'SELECT home FROM defaults')).toEqual(['none'])
      await expectUntouched(before, views, job)
    })
    await expectUntouched(before, result, rig.slotFolder)
  })

  it('is read through without reading, asking or writing anything else', async () => {
    const before = await filesIn(CANARY_FOLDER)
    const result = await rig.check(hostile, NEWEST)
    expect(result).toMatchObject({ tables: 2, rows: 2 })
    await expectUntouched(before, result, rig.slotFolder)
  })
})

/** Statements that read, write or load something outside the job's folder. */
const OUTSIDE: readonly string[] = [
  `SELECT * FROM read_csv_auto('${CANARY}')`,
  `SELECT * FROM read_csv('${CANARY}', columns = {'secret': 'VARCHAR'})`,
  `SELECT * FROM read_csv_auto('JOB/../../../../../../${CANARY}')`,
  `SELECT * FROM '${CANARY}'`,
  `SELECT * FROM read_text('${CANARY}')`,
  `SELECT * FROM read_blob('${CANARY}')`,
  `SELECT * FROM read_json_auto('${CANARY}')`,
  `SELECT * FROM parquet_scan('${CANARY_FOLDER}/secret.parquet')`,
  `SELECT * FROM parquet_metadata('${CANARY_FOLDER}/secret.parquet')`,
  `SELECT * FROM sniff_csv('${CANARY}')`,
  `SELECT * FROM glob('${CANARY_FOLDER}/*')`,
  `SELECT * FROM read_csv_auto('/etc/passwd')`,
  `SELECT * FROM read_csv_auto('/proc/self/environ')`,
  `SELECT * FROM read_csv_auto('http://127.0.0.1:${PORT}/a.csv')`,
  `SELECT * FROM parquet_scan('http://127.0.0.1:${PORT}/a.parquet')`,
  `SELECT * FROM 's3://bucket/a.parquet'`,
  `SELECT getenv('HOME')`,
  `COPY (SELECT 1 AS a) TO '${CANARY_FOLDER}/written.csv'`,
  `COPY (SELECT 1 AS a) TO '${CANARY_FOLDER}/written.parquet' (FORMAT PARQUET)`,
  `COPY (SELECT 1 AS a) TO 'JOB/../../written.csv'`,
  `COPY (SELECT 1 AS a) TO '${CANARY}'`,
  `EXPORT DATABASE '${CANARY_FOLDER}/exported'`,
  `IMPORT DATABASE '${CANARY_FOLDER}'`,
  `ATTACH '${CANARY_FOLDER}/other.duckdb' AS other`,
  `ATTACH '${CANARY_FOLDER}/new.duckdb' AS fresh`,
  `ATTACH 'http://127.0.0.1:${PORT}/a.duckdb' AS remote`,
  'INSTALL httpfs',
  'LOAD httpfs',
  `LOAD '${CANARY_FOLDER}/other.duckdb'`,
  `INSTALL '${CANARY_FOLDER}/other.duckdb'`,
]

/** Settings that would open a way out; they must be refused, or be of no use to the statements above. */
const SETTINGS: readonly string[] = [
  'SET enable_external_access = true',
  'SET lock_configuration = false',
  'RESET lock_configuration',
  `SET allowed_directories = ['/']`,
  `SET allowed_paths = ['${CANARY}']`,
  'RESET allowed_directories',
  `SET home_directory = '${CANARY_FOLDER}'`,
  `SET extension_directory = '${CANARY_FOLDER}'`,
  `SET temp_directory = '${CANARY_FOLDER}/spill'`,
  `SET log_query_path = '${CANARY_FOLDER}/log.txt'`,
  `SET profile_output = '${CANARY_FOLDER}/profile.json'`,
  `PRAGMA enable_profiling = 'json'`,
  `SET allow_unsigned_extensions = true`,
  'SET autoinstall_known_extensions = true',
  'SET autoload_known_extensions = true',
  `SET custom_extension_repository = 'http://127.0.0.1:${PORT}'`,
]

describe.each(['wasm:0.6.1', 'wasm:0.7.1', 'wasm:0.8.1', 'neo:1.5.6'])('the engine %s', (name) => {
  let slot: string
  let engine: EngineProcess
  const signal = new AbortController().signal
  const session = 1
  const start = async (): Promise<void> => {
    const installed = await ensureEngine(name)
    engine = await EngineProcess.start(installed, { folder: slot, maxResident: 2e9 }, signal)
    const path = join(slot, 'own.duckdb')
    const release = name.split(':')[1] ?? ''
    const source = release === '1.5.6' ? '1.4.4' : release
    await copyFile(join(await fixture('conformance'), source, 'strings.duckdb'), path)
    const options = {
      path,
      mode: 'read',
      folder: slot,
      memoryLimit: 5e8,
      threads: 1,
      storageVersion: undefined,
    } as const
    await engine.open(session, options, 9000, signal)
  }
  beforeAll(async () => {
    slot = await realpath(await mkdtemp(join(folder, 'slot-')))
    await start()
  })
  afterAll(async () => {
    await engine.kill()
  })

  /** What the engine says to a statement: rows or a refusal, as text. */
  const ask = async (sql: string): Promise<{ refused: boolean; said: string }> => {
    if (!engine.alive) await start()
    return await engine.query(session, sql.replace('JOB', slot), 9000, signal).then(
      (rows) => ({ refused: false, said: JSON.stringify(rows) }),
      (error: unknown) => ({ refused: true, said: String(error) }),
    )
  }

  it('works inside its folder', async () => {
    const inside = join(slot, 'inside.parquet')
    expect(await ask(`COPY (SELECT 42 AS a) TO ${literal(inside)} (FORMAT PARQUET)`)).toMatchObject({
      refused: false,
    })
    expect((await ask(`SELECT a FROM parquet_scan(${literal(inside)})`)).said).toBe('[{"a":42}]')
  })

  it.each(OUTSIDE)('refuses %s', async (sql) => {
    const before = await filesIn(CANARY_FOLDER)
    const { refused, said } = await ask(sql)
    // A glob of what cannot be looked at may also find nothing.
    if (!refused) expect(said).toBe('[]')
    expect(said).not.toContain('root:')
    await expectUntouched(before, said, slot)
  })

  it.each(SETTINGS)('gains nothing by %s', async (setting) => {
    const before = await filesIn(CANARY_FOLDER)
    const said = [
      await ask(setting),
      await ask(`SELECT * FROM read_csv_auto('${CANARY}')`),
      await ask('INSTALL httpfs'),
    ]
    said.push(
      await ask(`COPY (SELECT 1 AS a) TO '${CANARY_FOLDER}/written.csv'`),
      await ask('SELECT 1 AS one'),
    )
    expect(said.slice(1, 4).map(({ refused }) => refused)).toEqual([true, true, true])
    await expectUntouched(before, said, slot)
  })

  it.runIf(process.platform === 'linux')('has an environment without anything of ours', async () => {
    await ask('SELECT 1')
    const children = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8')
    const environments = await Promise.all(
      children
        .trim()
        .split(' ')
        .map((pid) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')),
    )
    const engines = environments.filter((text) => text.startsWith('TZ=UTC'))
    expect(engines.length).toBeGreaterThan(0)
    for (const text of engines)
      expect(text).toMatch(/^(?:(?:TZ|UV_THREADPOOL_SIZE|NODE_CHANNEL_\w+)=[^\0]*\0)+$/)
  })
})
