import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Tracker, TrackerFilter, TrackerSource } from '../../src/tracker/port.js'
import { createPostgresTrackers } from '../../src/tracker/postgres.js'
import type { PostgresTrackersOptions } from '../../src/tracker/postgres.js'
import type { PostgresCredentials } from '../../src/tracker/postgres-connection.js'
import { trackerContract } from '../contracts/tracker.js'
import { services } from '../support/services.js'

const never = new AbortController().signal
const ALL: TrackerFilter = { trackers: [], sites: [] }
const database = `duckfleet_${randomBytes(6).toString('hex')}`
let server: pg.Client
let admin: pg.Client

beforeAll(async () => {
  server = new pg.Client({ connectionString: services().databaseUrl })
  await server.connect()
  await server.query(`CREATE DATABASE ${database}`)
  admin = new pg.Client(credentials())
  await admin.connect()
})
afterAll(async () => {
  await admin.end()
  await server.query(`DROP DATABASE ${database}`)
  await server.end()
})

function credentials(change: Partial<PostgresCredentials> = {}): PostgresCredentials {
  const url = new URL(services().databaseUrl)
  return {
    host: url.hostname,
    port: Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
    tls: false,
    ...change,
  }
}

function source(
  query: string,
  options: Partial<PostgresTrackersOptions> & { readonly change?: Partial<PostgresCredentials> } = {},
): TrackerSource {
  const { change, ...rest } = options
  return createPostgresTrackers({
    credentials: () => Promise.resolve(credentials(change)),
    query,
    ...rest,
  })
}

async function read(trackers: TrackerSource, signal = never): Promise<Tracker[]> {
  const found: Tracker[] = []
  for await (const tracker of trackers.trackers(ALL, signal)) found.push(tracker)
  return found
}

async function failure(trackers: TrackerSource, signal = never): Promise<{ code: string; message: string }> {
  return await read(trackers, signal).then(
    () => {
      throw new Error('it did not fail')
    },
    (error: unknown) => error as { code: string; message: string },
  )
}

/** Connections of ours that the server still has. */
async function connections(): Promise<number> {
  const { rows } = await admin.query<{ count: number }>(
    "SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'duckfleet' AND datname = current_database()",
  )
  return rows[0]?.count ?? 0
}

let tables = 0
async function table(trackers: readonly Tracker[]): Promise<string> {
  const name = `goal${(tables += 1)}`
  await admin.query(`CREATE TABLE ${name} (id text, site text)`)
  await admin.query(`INSERT INTO ${name} SELECT * FROM unnest($1::text[], $2::text[])`, [
    trackers.map(({ id }) => id),
    trackers.map(({ site }) => site),
  ])
  return name
}

trackerContract('postgres', {
  create: async (trackers) => source(`SELECT id, site FROM ${await table(trackers)}`, { pageRows: 100 }),
  dispose: () => Promise.resolve(),
})

describe('trackers from Postgres', () => {
  afterEach(async () => {
    await expect.poll(connections, { timeout: 10_000 }).toBe(0)
  })

  it('reads the table goal unless there is a query', async () => {
    await admin.query("CREATE TABLE goal AS SELECT 9324670152232788 AS id, 56 AS site, 'x' AS name")
    const trackers = createPostgresTrackers({ credentials: () => Promise.resolve(credentials()) })
    expect(await read(trackers)).toEqual([{ id: '9324670152232788', site: '56' }])
  })

  it.each([
    ['bigint and integer', 'SELECT 9223372036854775807 AS id, 56 AS site', '9223372036854775807'],
    ['numeric', 'SELECT 93246701522327881234567890::numeric AS id, 56 AS site', '93246701522327881234567890'],
    [
      'uuid',
      "SELECT '0E37DF36-F698-11E6-8DD4-CB9CED3DF976'::uuid AS id, 56 AS site",
      '0e37df36-f698-11e6-8dd4-cb9ced3df976',
    ],
    [
      'a semicolon, a comment and other columns',
      'SELECT 1 AS x, 7 AS id, 56 AS site -- all of them\n ; ',
      '7',
    ],
    ['a comment at the end', 'SELECT 7 AS id, 56 AS site -- all of them', '7'],
    ['WITH and ORDER BY', 'WITH t AS (SELECT 7 AS id, 56 AS site) SELECT * FROM t ORDER BY 1 LIMIT 5', '7'],
  ])('takes %s', async (_what, query, id) => {
    expect(await read(source(query))).toEqual([{ id, site: '56' }])
  })

  it('tells NULL as empty text, which nobody takes for an id', async () => {
    const query = "SELECT * FROM (VALUES (NULL, '56'), ('1', NULL), (NULL, '56')) AS t (id, site)"
    expect(await read(source(query))).toEqual([
      { id: '1', site: '' },
      { id: '', site: '56' },
    ])
  })

  it('gives a hundred thousand rows page by page', async () => {
    let count = 0
    const query = 'SELECT g AS id, g % 100 AS site FROM generate_series(1, 100000) AS g'
    for await (const { id } of source(query, { pageRows: 5000 }).trackers(ALL, never)) {
      expect(id.length).toBeGreaterThan(0)
      count += 1
    }
    expect(count).toBe(100_000)
  })

  it.each([
    ['is no SQL', 'SELEC id, site FROM goal', /syntax error.*at character \d+: .*TRACKER_QUERY/],
    ['names a table that is not there', 'SELECT id, site FROM nothing', /nothing.*at character 22:/],
    ['has no id', 'SELECT 1 AS tracker, 2 AS site', /t\.id does not exist.*columns id and site/],
    ['has two columns of a name', 'SELECT 1 AS id, 2 AS id, 3 AS site', /"id" is ambiguous/],
    ['tries to write', 'CREATE TABLE x (id int)', /syntax error/],
    ['tries to write by a function', "SELECT 1 AS id, nextval('s') AS site", /read-only/],
    ['hides a second statement', `SELECT 1 AS id, 2 AS site) AS t; DROP TABLE goal; --`, /syntax error/],
    [
      'fails in the middle',
      'SELECT 1/(3-g) AS id, 1 AS site FROM generate_series(1, 5) g',
      /division by zero/,
    ],
    ['is empty', ' ; ', /syntax error/],
  ])('refuses a query that %s, and says so', async (_what, query, message) => {
    await admin.query('CREATE SEQUENCE IF NOT EXISTS s')
    const error = await failure(source(query))
    expect(error.code).toBe('usage')
    expect(error.message).toMatch(message)
  })

  it('asks for fresh credentials once when the server refuses them', async () => {
    const asked: boolean[] = []
    const trackers = createPostgresTrackers({
      credentials: ({ fresh }) => {
        asked.push(fresh)
        return Promise.resolve(credentials(fresh ? {} : { password: 'of yesterday' }))
      },
      query: 'SELECT 1 AS id, 2 AS site',
    })
    expect(await read(trackers)).toEqual([{ id: '1', site: '2' }])
    expect(asked).toEqual([false, true])
  })

  it.each([
    ['password', { password: 'wrong-secret' }],
    ['user', { user: 'nobody-here' }],
    ['empty password', { password: '' }],
    ['database', { database: 'not_there' }],
  ])('says that the %s is wrong, without a secret', async (_what, change) => {
    const error = await failure(source('SELECT 1 AS id, 2 AS site', { change }))
    expect(error.code).toBe('usage')
    expect(error.message).toContain(`${credentials().host}:${credentials().port}`)
    expect(error.message).not.toContain('wrong-secret')
    expect(error.message).not.toContain(credentials().password)
  })

  it('talks TLS to a server whose certificate it can check, and to no other', async () => {
    const query = 'SELECT ssl AS id, 1 AS site FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
    const tls = { host: 'localhost', tls: true }
    const ca = readFileSync(services().tlsCa, 'utf8')
    expect(await read(source(query, { change: { ...tls, ca } }))).toEqual([{ id: 'true', site: '1' }])
    expect(await failure(source(query, { change: tls }))).toMatchObject({
      code: 'usage',
      message: expect.stringContaining('TLS_CA_FILE') as string,
    })
  })

  it('calls a server that is not there, or not any more, transient', async () => {
    expect(await failure(source('SELECT 1', { change: { port: 1 } }))).toMatchObject({ code: 'transient' })
    const query = `SELECT g AS id, 1 AS site FROM generate_series(1, 10000) g`
    const kill = async (): Promise<void> => {
      let first = true
      for await (const { id } of source(query, { pageRows: 10 }).trackers(ALL, never)) {
        expect(id).not.toBe('')
        if (first)
          await admin.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'duckfleet' AND datname = $1",
            [database],
          )
        first = false
      }
    }
    await expect(kill()).rejects.toMatchObject({ code: 'transient' })
  })

  it('gives a query the time that was set, and a slow reader as long as it needs', async () => {
    const slow = 'SELECT 1 AS id, pg_sleep(30)::text AS site'
    const limits = { statementTimeoutMs: 300 }
    expect(await failure(source(slow, limits))).toMatchObject({
      code: 'transient',
      message: expect.stringContaining('took too long') as string,
    })
    let count = 0
    for await (const { id } of source('SELECT g AS id, 1 AS site FROM generate_series(1, 4) g', {
      ...limits,
      pageRows: 2,
    }).trackers(ALL, never)) {
      count += Number(id) > 0 ? 1 : 0
      await new Promise((resolve) => setTimeout(resolve, 400))
    }
    expect(count).toBe(4)
  })

  it('gives up on a server that says nothing, and stops at once when it is told to', async () => {
    const mute = net.createServer(() => undefined).listen(0, '127.0.0.1')
    await new Promise((resolve) => mute.once('listening', resolve))
    const { port } = mute.address() as net.AddressInfo
    try {
      const change = { host: '127.0.0.1', port }
      const error = await failure(source('SELECT 1', { change, connectTimeoutMs: 200 }))
      expect(error.code).toBe('transient')
      const stopped = await failure(source('SELECT 1', { change }), AbortSignal.timeout(100))
      expect(stopped.code).toBe('aborted')
    } finally {
      mute.close()
    }
    const begun = performance.now()
    const slow = source(`SELECT 1 AS id, pg_sleep(60)::text AS site`)
    expect((await failure(slow, AbortSignal.timeout(300))).code).toBe('aborted')
    expect(performance.now() - begun).toBeLessThan(2500)
  })
})
