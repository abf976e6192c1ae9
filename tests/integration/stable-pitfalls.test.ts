import { DuckDBInstance, DuckDBTimeTZValue } from '@duckdb/node-api'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JobEngines } from '../../src/engine/job-engines.js'
import { EngineSlot } from '../../src/engine/slot.js'
import {
  HEADER_BYTES,
  parseHeader,
  requireDatabase,
  type StorageHeader,
} from '../../src/migration/file/header.js'
import { ensureEngine } from '../support/engines.js'
import { JobRig } from '../support/job-rig.js'
import { readFrom, runOn } from '../support/neo.js'

/** Files are made in version 64: another one is asked for, so that every row is written anew. */
const NEWER = { release: '1.5.6', storageVersion: 'v1.5.0' }
const NEWEST = { release: '1.5.6' }

let rig: JobRig
let folder: string
beforeAll(async () => {
  rig = await JobRig.start()
  folder = await realpath(await mkdtemp(join(tmpdir(), 'duckfleet-stable-')))
})
afterAll(async () => {
  await rig.stop()
  await rm(folder, { recursive: true })
})

interface Making {
  readonly storageVersion?: string
  /** The writer is killed, so that all statements are in the WAL. */
  readonly killed?: true
}

let made = 0
/** A file that the statements made; the database is `made` in them. */
async function make(statements: readonly string[], making: Making = {}): Promise<string> {
  const file = join(folder, `${made++}.duckdb`)
  const all = [
    `SET wal_autocheckpoint = '1TB'`,
    `ATTACH '${file}' AS made (STORAGE_VERSION '${making.storageVersion ?? 'v1.0.0'}')`,
    'USE made',
    ...statements,
    ...(making.killed ? [] : ['USE memory.main', 'DETACH made']),
  ]
  const script = `
    const { DuckDBInstance } = require('@duckdb/node-api')
    DuckDBInstance.create(':memory:').then(async (instance) => {
      const connection = await instance.connect()
      for (const statement of ${JSON.stringify(all)}) await connection.run(statement)
      process.kill(process.pid, 'SIGKILL')
    })`
  const project = join(fileURLToPath(import.meta.url), '..', '..', '..')
  const child = spawn(process.execPath, ['-e', script], {
    cwd: project,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
  return file
}

async function headerOf(file: string): Promise<StorageHeader> {
  const bytes = await readFile(file)
  return requireDatabase(parseHeader(bytes.subarray(0, HEADER_BYTES), bytes.length), file)
}

describe('a process that could not close its database', () => {
  it('serves no other job', async () => {
    const slotFolder = await mkdtemp(join(folder, 'slot-'))
    const lost: string[] = []
    const slot = new EngineSlot(slotFolder, () => lost.push('process'))
    const engine = await ensureEngine('neo:1.5.6')
    const source = await make([])
    const job = async (destination: string): Promise<JobEngines> => {
      const header = await headerOf(source)
      const limits = { verify: 'full', memory: 1e9, threads: 1 } as const
      const request = { source, header, destination: join(slotFolder, destination), folder: slotFolder }
      const whole = { ...request, ...limits, target: NEWEST }
      return await JobEngines.create(slot, whole, engine, engine, AbortSignal.timeout(30_000))
    }
    try {
      const first = await job('first.duckdb')
      const target = await first.createTarget()
      await target.query(`DETACH "duckfleet home"`)
      await expect(target.close()).rejects.toThrow('duckfleet home')
      await first.close()
      expect(lost).toEqual(['process'])
      const second = await job('second.duckdb')
      await (await second.createTarget()).close()
      await second.close()
    } finally {
      await slot.close()
    }
  })
})

describe('schemas with the name of a database of the engine', () => {
  it.each(['memory', 'duckfleet_source', 'duckfleet_1', 'duckfleet_2', 'duckfleet_3'])(
    '%s is carried, with what names it in two parts',
    async (schema) => {
      const file = await make([
        `CREATE SCHEMA ${schema}`,
        `CREATE SEQUENCE made.${schema}.q`,
        `CREATE TABLE made.${schema}.t (id INTEGER PRIMARY KEY, x VARCHAR)`,
        `INSERT INTO made.${schema}.t VALUES (1, 'a'), (2, 'b')`,
        `CREATE INDEX i ON made.${schema}.t (x)`,
        `COMMENT ON INDEX made.${schema}.i IS 'about it'`,
        ...(schema === 'memory' ? [] : [`CREATE VIEW made.${schema}.v AS SELECT * FROM ${schema}.t`]),
        ...(schema === 'memory' ? [] : [`CREATE TABLE u (a INTEGER DEFAULT nextval('${schema}.q'))`]),
      ])
      await rig.upgrade(file, NEWER, {}, async (target) => {
        expect(await readFrom(target, `SELECT x FROM opened.${schema}.t ORDER BY id`)).toEqual(['a', 'b'])
        expect(await readFrom(target, `SELECT comment FROM duckdb_indexes()`)).toEqual(['about it'])
      })
      await rig.check(file, NEWEST)
    },
  )

  it('temp and system are carried', async () => {
    const file = await make(
      ['temp', 'system'].flatMap((schema) => [
        `CREATE SCHEMA made.${schema}`,
        `CREATE TABLE made.${schema}.t (x VARCHAR)`,
        `INSERT INTO made.${schema}.t VALUES ('a')`,
      ]),
    )
    await rig.upgrade(file, NEWER, {}, async (target) => {
      expect(await readFrom(target, `SELECT x FROM opened.temp.t`)).toEqual(['a'])
      expect(await readFrom(target, `SELECT x FROM opened.system.t`)).toEqual(['a'])
    })
  })
})

it('an index on a cast, which prints otherwise once it was opened again, is no difference', async () => {
  const file = await make([
    'CREATE TABLE t (a INTEGER, b VARCHAR)',
    'CREATE INDEX i ON t ((a::DECIMAL(10,2)))',
    `CREATE INDEX j ON t ((b || ' it''s'), b, (a::STRUCT(x DECIMAL(3,1)) IS NULL))`,
  ])
  await rig.upgrade(file, NEWER)
})

describe('what is only in the WAL', () => {
  it.each([
    ['a key', 'ALTER TABLE t ADD PRIMARY KEY (a)'],
    ['an index', 'CREATE INDEX i ON t (a)'],
    ['a changed type', 'ALTER TABLE t ALTER a TYPE BIGINT USING a + 0'],
    ['a column with a DEFAULT', 'ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 1 + 2'],
    ['an index beside a generated column', 'CREATE INDEX i ON h (a)'],
  ])('%s is carried, and proved later', async (_, statement) => {
    const tables = ['CREATE TABLE t (a INTEGER)', 'CREATE TABLE h (g INTEGER AS (a + 1), a INTEGER)']
    const file = await make([...tables, 'INSERT INTO t VALUES (1), (2)', statement], { killed: true })
    const before = [await readFile(file), await readFile(`${file}.wal`)]
    const upgraded = join(folder, `upgraded-${made}.duckdb`)
    await rig.upgrade(file, NEWEST, {}, async (target) => {
      await writeFile(upgraded, await readFile(target))
      expect(await readFrom(target, 'SELECT count(*)::INTEGER FROM t')).toEqual(['2'])
    })
    await rig.compare(file, upgraded, NEWEST)
    await rig.compare(upgraded, file, NEWEST)
    expect([await readFile(file), await readFile(`${file}.wal`)]).toEqual(before)
  })
})

it('the new file is compared with what the WAL holds, not with what an engine makes of it', async () => {
  // DuckDB stores -0.0 and 0.0 as one constant.
  const file = await make(
    ['CREATE TABLE t (d DOUBLE)', `INSERT INTO t VALUES (0.0), ('-0.0'::DOUBLE), (0.0)`],
    { killed: true },
  )
  await expect(rig.upgrade(file, NEWEST)).rejects.toMatchObject({
    code: 'difference',
    message: expect.stringMatching(/column main\.t\.d has other values .*: the signs of its zeros/) as string,
  })
})

it('a run of -0.0 and 0.0 is carried', async () => {
  const zeros = `CASE i % 5 WHEN 0 THEN '-0.0'::DOUBLE WHEN 4 THEN i ELSE 0 END`
  const file = await make(
    [
      'CREATE TABLE t (d DOUBLE, f FLOAT, s STRUCT(d DOUBLE), l FLOAT[])',
      `INSERT INTO t SELECT ${zeros}, ${zeros}, {d: ${zeros}}, [${zeros}, 1] FROM range(20000) r(i)`,
    ],
    { killed: true },
  )
  const counts = ['d', 'f', 's.d', 'l[1]'].map(
    (value) => `count(*) FILTER (WHERE signbit(${value}))::INTEGER`,
  )
  await rig.upgrade(file, NEWEST, {}, async (target) => {
    for (const count of counts) expect(await readFrom(target, `SELECT ${count} FROM t`)).toEqual(['4000'])
  })
})

describe('types and macros of CHECKs and generated columns', () => {
  const types = [
    `CREATE TYPE mood AS ENUM ('a', 'b')`,
    `CREATE TABLE t (a VARCHAR CHECK (a::mood <= 'b'), g VARCHAR AS (a::mood::VARCHAR))`,
    `INSERT INTO t (a) VALUES ('b')`,
  ]
  const macros = [
    'CREATE MACRO m(a) AS a > 0',
    'CREATE TABLE t (a INTEGER CHECK (m(a)), g BOOLEAN AS (m(a)))',
    'INSERT INTO t (a) VALUES (1)',
  ]

  it.each([
    ['types', types],
    ['macros', macros],
  ])('%s are those of the file', async (_, statements) => {
    expect(await rig.check(await make(statements), NEWEST)).toMatchObject({ tables: 1, rows: 1 })
  })

  it('types are carried', async () => {
    await rig.upgrade(await make(types), NEWER, {}, async (target) => {
      expect(await readFrom(target, 'SELECT g FROM t')).toEqual(['b'])
    })
  })
})

describe('a TIMETZ that 0.9 wrote, of which every later release reads another offset', () => {
  /** Its bits, and those of a time of today. */
  const NOON_AT_5 = (43_200_000_000n << 24n) | (1559n * 3600n + 18_000n)
  const NOON_TODAY = (43_200_000_000n << 24n) | (57_599n - 18_000n)

  async function makeTimes(...statements: readonly string[]): Promise<string> {
    const file = await make(['CREATE TABLE old (z TIMETZ)', 'CREATE TABLE u (i INTEGER)'])
    const instance = await DuckDBInstance.create(file)
    const connection = await instance.connect()
    const appender = await connection.createAppender('old')
    for (const bits of [NOON_AT_5, NOON_TODAY, undefined]) {
      if (bits === undefined) appender.appendNull()
      else appender.appendTimeTZ(DuckDBTimeTZValue.fromBits(bits))
      appender.endRow()
    }
    appender.closeSync()
    for (const statement of statements) await connection.run(statement)
    connection.closeSync()
    instance.closeSync()
    return file
  }

  it.each([NEWEST, NEWER])('means what it meant', async (target) => {
    const file = await makeTimes()
    expect(await readFrom(file, 'SELECT z::VARCHAR FROM old')).toContain('12:00:00-1548:01')
    expect(await rig.check(file, NEWEST)).toMatchObject({ outdated: true })
    await rig.upgrade(file, target, {}, async (made) => {
      const times = await readFrom(made, 'SELECT z::VARCHAR FROM old')
      expect(times).toEqual(['12:00:00+05', '12:00:00+05', 'null'])
      expect(await rig.check(made, NEWEST)).toMatchObject({ outdated: false })
      await rig.compare(file, made, NEWEST)
    })
    await expect(rig.compare(file, file, NEWEST)).rejects.toMatchObject({ code: 'difference' })
  })

  it('is refused inside of a list', async () => {
    const file = await makeTimes('CREATE TABLE l AS SELECT [z] AS zs FROM old', 'DELETE FROM old')
    const refused = { code: 'unsupported', message: expect.stringContaining('column main.l.zs') as string }
    await expect(rig.check(file, NEWEST)).rejects.toMatchObject(refused)
    await expect(rig.upgrade(file, NEWER)).rejects.toMatchObject(refused)
  })
})

it('a file of a newer format than the default is never written in an older one, unless that was asked for', async () => {
  const statements = [
    'CREATE TABLE t (a INTEGER[])',
    'INSERT INTO t (a) VALUES ([1, 2])',
    'CREATE MACRO m(l INTEGER[]) AS list_sum(list_transform(l, lambda x: x + 1))',
  ]
  const file = await make(statements, { storageVersion: 'v1.4.0', killed: true })
  await rig.upgrade(file, NEWEST, {}, async (target) => {
    expect(await headerOf(target)).toMatchObject({ storageVersion: 67, serializationLevel: 6 })
    expect(await readFrom(target, 'SELECT m(a)::INTEGER FROM t')).toEqual(['5'])
  })
})

it('views that are broken are kept and reported, those that read what is outside only kept', async () => {
  const file = await make([
    'CREATE TABLE t (a INTEGER, b INTEGER)',
    'CREATE VIEW sound AS SELECT a FROM t',
    'CREATE VIEW broken AS SELECT b FROM t',
    `COPY (SELECT 1 AS a) TO '${join(folder, 'corrupt.csv')}'`,
    `CREATE VIEW outside AS SELECT * FROM read_csv('${join(folder, 'corrupt.csv')}')`,
    'CREATE VIEW named AS SELECT a FROM made.main.t',
    'CREATE SEQUENCE q',
    `CREATE VIEW advances AS SELECT nextval('q')`,
    'ALTER TABLE t RENAME b TO c',
  ])
  const warnings = [expect.stringMatching(/^view main\.broken is broken .*kept as it is: .*"b"/)]
  const upgraded = await rig.upgrade(file, NEWER, {}, async (target) => {
    const views = 'SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY view_name'
    expect(await readFrom(target, views)).toEqual(['advances', 'broken', 'named', 'outside', 'sound'])
  })
  expect(upgraded.warnings).toEqual(warnings)
  expect((await rig.check(file, NEWEST)).warnings).toEqual(warnings)
})

it.each([
  ['gets the columns that its table has now', 'SELECT * FROM t', ['a', 'l', 'b']],
  ['keeps those that are named after an expression', 'SELECT coalesce(*COLUMNS(t.*)) FROM t', undefined],
  ['keeps those that are printed in another way', 'SELECT (-1)::UTINYINT IS NULL FROM t', undefined],
])('a view %s', async (_, query, columns) => {
  const file = await make([
    'CREATE TABLE t (a INTEGER, l INTEGER)',
    `CREATE VIEW v AS ${query}`,
    'CHECKPOINT',
    'ALTER TABLE t ADD COLUMN b INTEGER',
  ])
  await rig.upgrade(file, NEWER, {}, async (target) => {
    const listed = await readFrom(target, 'SELECT column_name FROM (DESCRIBE v)')
    expect(listed).toEqual(columns ?? [expect.any(String)])
  })
})

it('a type that is made of one with a later name says what is wrong with it', async () => {
  const file = await make(['CREATE TYPE al AS DECIMAL(10,3)', 'CREATE TYPE aa AS al'])
  await expect(rig.upgrade(file, { release: '1.5.6', storageVersion: 'v1.4.0' })).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringMatching(/^type main\.al cannot be copied/) as string,
  })
})

it('macros that DEFAULTs, CHECKs and generated columns call are carried with them', async () => {
  const file = await make([
    'CREATE MACRO positive(a) AS a > 0',
    'CREATE MACRO five() AS 5, (a) AS a + 5',
    'CREATE TABLE t (a INTEGER CHECK (positive(a)), b INTEGER DEFAULT five(), g INTEGER AS (five(a)))',
    'INSERT INTO t (a) VALUES (1)',
  ])
  await rig.upgrade(file, NEWER, {}, async (target) => {
    expect(await readFrom(target, 'SELECT [b, g] FROM t')).toEqual(['[5,6]'])
    await runOn(target, 'INSERT INTO t (a) VALUES (2)')
    expect(await readFrom(target, 'SELECT b + g FROM t WHERE a = 2')).toEqual(['12'])
    await expect(runOn(target, 'INSERT INTO t (a) VALUES (-1)')).rejects.toThrow('CHECK')
    const left = `SELECT function_name FROM duckdb_functions() WHERE function_type = 'macro' AND NOT internal ORDER BY 1`
    expect(new Set(await readFrom(target, left))).toEqual(new Set(['five', 'positive']))
  })
})

it('macros of other schemas, and such as have named parameters or advance a sequence, are carried with them', async () => {
  const file = await make([
    'CREATE SCHEMA s',
    'CREATE SCHEMA "a.""b"',
    'CREATE SEQUENCE s.q START 7',
    'CREATE MACRO s.f(a, b := 3) AS a + b',
    'CREATE MACRO f(a) AS a > 100',
    `CREATE MACRO "a.""b"."g h"() AS nextval('s.q')`,
    'CREATE TABLE t (a INTEGER CHECK (s.f(a, b := 1) > 0), b INTEGER DEFAULT ("a.""b"."g h"()), g INTEGER AS (s.f(a)))',
    'CREATE TABLE s.t (a INTEGER CHECK (s.f(a) > 0))',
    'CREATE VIEW v AS SELECT s.f(a) AS x, f(a) AS y FROM t',
    'INSERT INTO t (a) VALUES (1)',
  ])
  await rig.upgrade(file, NEWER, {}, async (target) => {
    expect(await readFrom(target, 'SELECT [b, g, x] FROM t, v')).toEqual(['[7,4,4]'])
    await runOn(target, 'INSERT INTO t (a) VALUES (2)')
    expect(await readFrom(target, 'SELECT [b, g] FROM t WHERE a = 2')).toEqual(['[8,5]'])
    await expect(runOn(target, 'INSERT INTO t (a) VALUES (-1)')).rejects.toThrow('CHECK')
  })
})

it('generated columns that give another value at each look are carried, and reported', async () => {
  const file = await make([
    'CREATE TABLE t (a INTEGER, r DOUBLE AS (random()), n TIMESTAMPTZ AS (now()), g INTEGER AS (a + 1))',
    'INSERT INTO t VALUES (1), (2)',
  ])
  const upgraded = await rig.upgrade(file, NEWER, {}, async (target) => {
    expect(await readFrom(target, "SELECT g FROM t WHERE r < 1 AND n > DATE '2000-01-01'")).toEqual([
      '2',
      '3',
    ])
  })
  expect(upgraded.warnings).toEqual(
    ['r', 'n'].map(
      (name) => expect.stringMatching(`^generated column main\\.t\\.${name} is carried`) as string,
    ),
  )
})

it.each([
  [
    'a macro that would be called for the proof',
    ['CREATE MACRO hash(a) AS 5'],
    /^macro main\.hash has the name/,
  ],
  [
    'a DEFAULT that names its own database',
    ['CREATE SEQUENCE q', `CREATE TABLE t (a INTEGER DEFAULT nextval('made.main.q'))`],
    /names a database, made, .*leave the name out/,
  ],
  [
    'a compression that newer formats have not',
    ['CREATE TABLE t (a VARCHAR USING COMPRESSION dictionary)'],
    /^a column was made with USING COMPRESSION Dictionary.* --storage-version/,
  ],
  [
    'a CHECK that looks at the time',
    [
      `CREATE TABLE t (a TIMESTAMP CHECK (a > CAST(now() AS TIMESTAMP) - INTERVAL 1 MILLISECOND))`,
      'INSERT INTO t VALUES (CAST(now() AS TIMESTAMP))',
    ],
    /^table main\.t cannot be written: .*Its rows were let in once/,
  ],
])('%s is refused, and says what to do', async (_, statements, message) => {
  await expect(rig.upgrade(await make(statements), NEWER)).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringMatching(message) as string,
  })
})
