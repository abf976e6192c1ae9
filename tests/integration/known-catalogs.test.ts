import { copyFile, mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { duckdbFiles } from '../../src/cli/duckdb-files.js'
import { JobEngines } from '../../src/engine/job-engines.js'
import type { InstalledEngine } from '../../src/engine/locate.js'
import { chooseReader, chooseTarget } from '../../src/engine/registry.js'
import { EngineSlot } from '../../src/engine/slot.js'
import { createUpgrader } from '../../src/engine/upgrade.js'
import {
  HEADER_BYTES,
  parseHeader,
  requireDatabase,
  type StorageHeader,
} from '../../src/migration/file/header.js'
import { readSource } from '../../src/migration/source.js'
import { storedCatalogDigest } from '../../src/migration/file/stored-catalog.js'
import type { UpgradeRequest } from '../../src/migration/upgrade.js'
import { TestEngine } from '../support/database.js'
import { ensureEngine, INSTALL_TIMEOUT_MS, installedEngines } from '../support/engines.js'
import { fixture } from '../support/fixtures.js'

let folder: string
let engines: readonly InstalledEngine[]
let writer: TestEngine
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'duckfleet-known-')))
  writer = await TestEngine.start(await ensureEngine('native:0.8.1'), folder)
  engines = await installedEngines()
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await writer.stop()
  await rm(folder, { recursive: true })
})

const OBJECTS = [
  `CREATE SCHEMA other`,
  `CREATE TYPE mood AS ENUM ('sad', 'glad')`,
  `CREATE SEQUENCE ids START 5`,
  `CREATE TABLE parent (id INTEGER PRIMARY KEY, name VARCHAR COLLATE NOCASE)`,
  `CREATE TABLE child (id BIGINT DEFAULT nextval('ids'), parent INTEGER REFERENCES parent (id), felt mood, CHECK (id > 0))`,
  `CREATE TABLE other.fact (a INTEGER NOT NULL, b STRUCT(x INTEGER, y VARCHAR[]), c AS (a + 1))`,
  `CREATE VIEW both_of AS SELECT * FROM parent JOIN child ON parent.id = child.parent`,
  `CREATE MACRO twice(a) AS a * 2`,
  `CREATE MACRO plus(a, b := 5) AS a + b`,
  `CREATE MACRO few(n) AS TABLE SELECT * FROM range(n) r(i)`,
  `CREATE INDEX by_name ON parent (name)`,
]
const ROWS = [
  `INSERT INTO parent SELECT i, 'name ' || i FROM range(100) r(i)`,
  `INSERT INTO child (parent, felt) SELECT i, 'glad' FROM range(50) r(i)`,
  `INSERT INTO other.fact SELECT i, {'x': i, 'y': ['a']} FROM range(10) r(i)`,
]

let made = 0
async function make(name: string, statements: readonly string[]): Promise<string> {
  const own = join(folder, String(++made))
  await mkdir(own)
  const file = join(own, `${name}.duckdb`)
  const database = await writer.open(file, 'create')
  for (const statement of statements) await database.query(statement)
  await database.query('CHECKPOINT')
  await database.close()
  return file
}

async function headerOf(file: string): Promise<StorageHeader> {
  const bytes = await readFile(file)
  return requireDatabase(parseHeader(bytes.subarray(0, HEADER_BYTES), bytes.length), file)
}

async function digestOf(file: string): Promise<string | undefined> {
  const bytes = await readFile(file)
  const { storageVersion } = await headerOf(file)
  const read = (at: number, length: number): Promise<Buffer> =>
    Promise.resolve(bytes.subarray(at, at + length))
  return storedCatalogDigest(read, storageVersion)
}

/** A job of its own, below the slot's folder. */
async function requestFor(file: string): Promise<UpgradeRequest> {
  const job = await mkdtemp(join(folder, 'job-'))
  const source = join(job, basename(file))
  await copyFile(file, source)
  await mkdir(join(job, 'new'))
  return {
    source,
    header: await headerOf(file),
    destination: join(job, 'new', 'new.duckdb'),
    folder: job,
    target: { release: '1.5.6' },
    verify: 'full',
    memory: 1e9,
    threads: 1,
  }
}

type Read = Awaited<ReturnType<typeof readSource>>

async function read(slot: EngineSlot, file: string): Promise<Pick<Read, 'catalog' | 'tried' | 'plan'>> {
  const request = await requestFor(file)
  const reader = chooseReader(request.header, engines)
  const target = chooseTarget('1.5.6', engines)
  const job = await JobEngines.create(slot, request, reader, target, new AbortController().signal)
  try {
    const { database, catalog, tried, plan } = await readSource(job)
    await database.close()
    return { catalog, tried, plan }
  } finally {
    await job.close()
  }
}

async function inSlot<T>(work: (slot: EngineSlot) => Promise<T>): Promise<T> {
  const slot = new EngineSlot(folder)
  try {
    return await work(slot)
  } finally {
    await slot.close()
  }
}

it('files of the same objects have the same digest, whatever their names, their rows and their sequences', async () => {
  const empty = await make('empty', OBJECTS)
  const full = await make('full', [...OBJECTS, ...ROWS])
  const again = await make('again', [
    ...OBJECTS,
    ...ROWS,
    'DELETE FROM child WHERE id > 20',
    ...ROWS.slice(1),
  ])
  const digest = await digestOf(empty)
  expect(digest).toMatch(/^[0-9a-f]{64}$/)
  expect([await digestOf(full), await digestOf(again)]).toEqual([digest, digest])
})

const CHANGES: readonly (readonly [string, string, string])[] = [
  ['a schema', 'SCHEMA other', 'SCHEMA "Other"'],
  ['a label of an enum', `'sad'`, `'mad'`],
  ['the order of the labels', `'sad', 'glad'`, `'glad', 'sad'`],
  ['a type', 'id BIGINT', 'id HUGEINT'],
  ['a collation', 'COLLATE NOCASE', 'COLLATE NOACCENT'],
  ['a default', `DEFAULT nextval('ids')`, 'DEFAULT 7'],
  ['a foreign key', ' REFERENCES parent (id)', ''],
  ['a check', 'CHECK (id > 0)', 'CHECK (id > 1)'],
  ['NOT NULL', 'a INTEGER NOT NULL', 'a INTEGER'],
  ['a field', 'x INTEGER', 'z INTEGER'],
  ['a generated column', '(a + 1)', '(a + 2)'],
  ['a primary key', ' PRIMARY KEY', ' UNIQUE'],
  ['a view', 'SELECT * FROM parent JOIN', 'SELECT 1 FROM parent JOIN'],
  ['a macro', 'a * 2', 'a * 3'],
  ['a default of a macro', 'b := 5', 'b := 6'],
  ['a table macro', 'range(n) r(i)', 'range(n) r(j)'],
  ['an index', 'INDEX by_name ON parent (name)', 'INDEX by_name ON parent (id)'],
  ['a unique index', 'CREATE INDEX', 'CREATE UNIQUE INDEX'],
  ['a name', 'both_of', 'both_together'],
]

it.each(CHANGES)('tells files apart by %s', async (_, from, to) => {
  const changed = OBJECTS.map((statement) =>
    statement.replaceAll(from, to).replaceAll('other.', from === 'SCHEMA other' ? '"Other".' : 'other.'),
  )
  expect(changed).not.toEqual(OBJECTS)
  const digests = [await digestOf(await make('same', OBJECTS)), await digestOf(await make('same', changed))]
  expect(digests.every((digest) => digest !== undefined)).toBe(true)
  expect(digests[0]).not.toBe(digests[1])
})

it.each(['0.6.1', '0.7.1', '0.8.1'])(
  'what is known of earlier files is what the engine says: every file of %s',
  async (release) => {
    const files = [
      ...(await duckdbFiles(join(await fixture('conformance'), release))),
      ...(await duckdbFiles(await fixture('trackers'))),
    ]
    await inSlot(async (slot) => {
      let known = 0
      for (const file of files) {
        // As a worker that has read no file before.
        const ignorant = vi.spyOn(slot.catalogs, 'get').mockReturnValueOnce(undefined)
        const fresh = await read(slot, file).catch((error: unknown) => error)
        ignorant.mockRestore()
        const second = await read(slot, file).catch((error: unknown) => error)
        expect(second, file).toEqual(fresh)
        if (!(second instanceof Error) && (second as Read).catalog.tables === (fresh as Read).catalog.tables)
          known++
      }
      expect(known).toBeGreaterThan(files.length * 0.8)
    })
  },
  180_000,
)

it('a frame of a sequence that claims more than its fields hides nothing', async () => {
  const bytes = await readFile(await make('claiming', ['CREATE SEQUENCE ids', 'CREATE TABLE t (a INTEGER)']))
  const at = bytes.indexOf(Buffer.from('ids')) - 'main'.length - 4 - 4 - 8
  const length = bytes.readBigUInt64LE(at)
  const digest = (): Promise<string | undefined> =>
    storedCatalogDigest((from, count) => Promise.resolve(bytes.subarray(from, from + count)), 51)
  expect(length).toBe(BigInt(4 + 'main'.length + 4 + 'ids'.length + 41))
  expect(await digest()).toBeDefined()
  bytes.writeBigUInt64LE(length + 16n, at)
  expect(await digest()).toBeUndefined()
})

it('columns are looked at also where the catalog is known, and win', async () => {
  const file = await make('columns', OBJECTS)
  await inSlot(async (slot) => {
    const { catalog } = await read(slot, file)
    const [[parent, columns] = ['', []]] = catalog.recorded
    const fewer = { ...catalog, recorded: new Map(catalog.recorded).set(parent, columns.slice(1)) }
    vi.spyOn(slot.catalogs, 'get').mockReturnValueOnce(fewer)
    expect((await read(slot, file)).catalog).toEqual(catalog)
  })
})

it('a catalog that rows had a say in is asked for again', async () => {
  const table = `CREATE TABLE tree (id INTEGER PRIMARY KEY, twin INTEGER UNIQUE, up INTEGER, FOREIGN KEY (up) REFERENCES tree (twin))`
  const open = await make('open', [table])
  const telling = await make('telling', [
    table,
    'INSERT INTO tree VALUES (1, 10, NULL)',
    'INSERT INTO tree VALUES (2, 20, 10)',
  ])
  expect(await digestOf(open)).toBe(await digestOf(telling))
  await inSlot(async (slot) => {
    const guessed = await read(slot, open)
    expect(guessed.catalog.warnings).toHaveLength(1)
    const told = await read(slot, telling)
    expect(told.catalog.warnings).toEqual([])
    expect(told.catalog.tables[0]?.constraints).toContainEqual({
      kind: 'foreign-key',
      columns: ['up'],
      references: { schema: 'main', name: 'tree' },
      referenced: ['twin'],
    })
  })
})

it('one worker upgrades files of the same and of other objects, each with its own rows and sequences', async () => {
  const other = OBJECTS.map((statement) => statement.replace('a * 2', 'a * 3').replace('(a + 1)', '(a + 2)'))
  const files = [
    await make('one', [...OBJECTS, ...ROWS]),
    await make('two', [...OBJECTS, ...ROWS, `SELECT nextval('ids')`]),
    await make('three', [...other, ...ROWS]),
    await make('four', OBJECTS),
    await make('five', [...other, ...ROWS, 'DELETE FROM child']),
  ]
  const upgrader = createUpgrader({ slotFolder: folder, engines })
  const reader = await TestEngine.start(await ensureEngine('neo:1.5.6'), folder)
  const found: unknown[] = []
  try {
    for (const file of files) {
      const request = await requestFor(file)
      const { rows } = await upgrader.upgrade(request, new AbortController().signal)
      const database = await reader.open(request.destination, 'read')
      const [row] = await database.query(
        `SELECT twice(2) AS twice, (SELECT max(c) FROM other.fact) AS c, (SELECT count(*)::INTEGER FROM child) AS children`,
      )
      const [sequence] = await database.query(`SELECT sql FROM duckdb_sequences()`)
      found.push({ rows, ...row, next: /START (\d+)/.exec(String(sequence?.['sql']))?.[1] })
      await database.close()
    }
  } finally {
    await Promise.all([upgrader.close(), reader.stop()])
  }
  expect(found).toEqual([
    { rows: 160, twice: 4, c: 10, children: 50, next: '55' },
    { rows: 160, twice: 4, c: 10, children: 50, next: '56' },
    { rows: 160, twice: 6, c: 11, children: 50, next: '55' },
    { rows: 0, twice: 4, c: null, children: 0, next: '5' },
    { rows: 110, twice: 6, c: 11, children: 0, next: '55' },
  ])
})
