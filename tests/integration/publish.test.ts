import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startBroker } from '../support/broker.js'
import { PROJECT } from '../support/cli.js'
import { createGround } from '../support/publishing.js'
import type { PublishGround } from '../support/publishing.js'
import { takeAll } from '../support/rabbit.js'
import { database } from '../unit/job-bench.js'

const ONE = { id: '9324670152232788', site: '56' }
const TWO = { id: '600700800900100', site: '71' }
const bytes = (size: number): Buffer => Buffer.alloc(size, 'x')

describe('duckfleet publish, on real services', () => {
  let ground: PublishGround
  beforeEach(async () => {
    ground = await createGround()
  })
  afterEach(async () => {
    await ground.dispose()
  })

  it('sends what is in S3 to the queue of its size, persistent and with an id', async () => {
    const { bucket } = ground
    await ground.goals([ONE, TWO, ONE])
    await bucket.put(`tracker-migration/${ONE.id}/a b+ä%.duckdb`, bytes(10))
    await bucket.put(`tracker-migration/${ONE.id}/a b+ä%.duckdb.wal`, bytes(5))
    await bucket.put(`tracker-migration/${TWO.id}/x.new.duckdb`, bytes(1000))
    const { status, out, err } = await ground.run(['publish', 's3-s3', '--env', 'dev'])
    expect([status, err]).toEqual([0, []])
    expect(out.join('\n')).toMatch(/_big │ 1 +│ 1\.0 kB/)
    expect(out.at(-1)).toBe('2 trackers, 2 messages (1.0 kB)')
    const [small, big] = [await ground.taken('small'), await ground.taken('big')]
    expect(small.map(({ content }) => content.toString())).toEqual([
      `{"source_datastore":"s3","destination_datastore":"s3","source_bucket":"${bucket.name}",` +
        `"destination_bucket":"${bucket.name}","tracker-id":"${ONE.id}",` +
        `"source_key":"tracker-migration/${ONE.id}/a b+ä%.duckdb","dest_key":"56/${ONE.id}/a b+ä%.duckdb"}`,
    ])
    expect(big.length).toBe(1)
    for (const { properties } of [...small, ...big]) {
      expect(properties.deliveryMode).toBe(2)
      expect(properties.messageId).toMatch(/^[0-9a-f]{32}$/)
    }
  })

  it('sends the same ids when it is done again', async () => {
    await ground.goals([ONE])
    await ground.put(`56/${ONE.id}/a.duckdb`, bytes(10))
    await ground.run(['publish', 'efs-efs'])
    await ground.run(['publish', 'efs-efs'])
    const ids = (await ground.taken('small')).map(({ properties }) => String(properties.messageId))
    expect([ids.length, new Set(ids).size]).toEqual([2, 1])
  })

  it.each(['efs-efs', 's3-efs', 'efs-s3'] as const)('publishes %s', async (route) => {
    await ground.goals([ONE])
    await ground.put(`${ONE.id}/a.duckdb`, bytes(10))
    await ground.bucket.put(`tracker-migration/${ONE.id}/a.duckdb`, bytes(10))
    expect((await ground.run(['publish', route])).status).toBe(0)
    const [message] = await ground.taken('small')
    const body = JSON.parse(message?.content.toString() ?? '') as Record<string, string>
    expect(`${body['source_datastore']}-${body['destination_datastore']}`).toBe(route)
    expect(body['dest_key'] ?? body['key']).toBe(
      route === 'efs-efs' ? `${ONE.id}/a.duckdb` : `56/${ONE.id}/a.duckdb`,
    )
  })

  it('only says what it would send with --dry-run, without a broker', async () => {
    await ground.goals([ONE, TWO])
    await ground.put(`56/${ONE.id}/a.duckdb`, bytes(10))
    await ground.put(`71/${TWO.id}/b.duckdb`, bytes(2000))
    const nowhere = { RABBIT_URL: 'amqp://nobody:nothing@127.0.0.1:1' }
    const plain = await ground.run(['publish', 'efs-efs', '--dry-run'], nowhere)
    expect(plain.status).toBe(0)
    expect(plain.out).toContain(
      `${ground.queue}_big: 71/${TWO.id}/b.duckdb -> 71/${TWO.id}/b.duckdb (2.0 kB)`,
    )
    expect(plain.out.at(-1)).toBe('2 trackers, 2 messages (2.0 kB); dry run: nothing was sent')
    const json = await ground.run(['publish', 'efs-efs', '--dry-run', '--json', '--site', '56'], nowhere)
    expect(json.out).toEqual([
      `{"source_datastore":"efs","destination_datastore":"efs","key":"56/${ONE.id}/a.duckdb"}`,
    ])
  })

  it('names what it cannot publish, publishes the rest, and ends with 1', async () => {
    await ground.goals([ONE, TWO, { id: '../56', site: '71' }, { id: '', site: '71' }])
    await ground.put(`56/${ONE.id}/a.duckdb`, bytes(10))
    const { status, out, err } = await ground.run([
      'publish',
      'efs-efs',
      '--tracker',
      ONE.id,
      TWO.id,
      '../56',
      '404',
    ])
    expect(status).toBe(1)
    expect([...err].sort()).toEqual([
      expect.stringMatching(/^tracker \.\.\/56 \(site 71\): its id holds a slash/),
      expect.stringMatching(/^tracker 404 is not among the trackers/),
      expect.stringMatching(
        /^tracker 600700800900100 \(site 71\): there are no \*\.duckdb files in .*\/71\/600700800900100/,
      ),
    ])
    expect(out.at(-1)).toBe('3 trackers, 1 message (10 B), 3 problems')
    expect((await ground.taken('small')).length).toBe(1)
  })

  it.each([
    ['a bucket that is not there', 's3-s3', { SOURCE_BUCKET: 'not-there-at-all' }, 1, /not-there-at-all/],
    ['a folder that is not there', 'efs-efs', { MIGRATE_SRC: '/not/there' }, 1, /\/not\/there/],
    ['a query that is none', 'efs-efs', { TRACKER_QUERY: 'SELECT nothing' }, 2, /TRACKER_QUERY/],
    ['an environment that is none', 'efs-efs', { BIG_FROM: 'much' }, 2, /BIG_FROM/],
  ] as const)('says what is wrong with %s', async (_what, route, change, expected, message) => {
    await ground.goals([ONE])
    const { status, err } = await ground.run(['publish', route], change)
    expect(status).toBe(expected)
    expect(err.join('\n')).toMatch(message)
    expect(await ground.taken('small').catch(() => [])).toEqual([])
  })

  it('says that a password is wrong, and repeats none', async () => {
    for (const name of ['DATABASE_URL', 'RABBIT_URL'] as const) {
      const url = new URL(ground.environment[name] ?? '')
      const { password } = url
      url.password = 'wr0ng-w0rd'
      const { status, err } = await ground.run(['publish', 'efs-efs'], { [name]: url.href })
      expect(status).toBe(2)
      expect(err.join('\n')).not.toMatch(new RegExp(`wr0ng|${password}`))
    }
  })

  it('leaves out what is done with --skip-done', async () => {
    await ground.goals([ONE])
    for (const name of ['done', 'old'])
      await ground.bucket.put(`tracker-migration/${ONE.id}/${name}.duckdb`, bytes(9))
    await ground.bucket.put(`56/${ONE.id}/done.duckdb`, database(64))
    await ground.bucket.put(`56/${ONE.id}/old.duckdb`, database(51))
    const { status, out } = await ground.run(['publish', 's3-s3', '--skip-done', '--json'])
    expect([status, out.length]).toEqual([0, 1])
    expect(out[0]).toContain('/old.duckdb')
    expect((await ground.taken('small')).length).toBe(1)
  })

  it('can be run by the script of a route, with trackers from folders', async () => {
    await ground.put(`56/${ONE.id}/a.duckdb`, bytes(10))
    const script = join(PROJECT, 'dist', 'publishers', 'migrate-duckdb-efs-efs.js')
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [script, '--trackers-from-folder', '--json'],
      {
        env: { ...process.env, ...ground.environment, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/' },
      },
    )
    expect(stdout).toBe(
      `{"source_datastore":"efs","destination_datastore":"efs","key":"56/${ONE.id}/a.duckdb"}\n`,
    )
    expect((await ground.taken('small')).length).toBe(1)
  })
})

describe('duckfleet publish, with a broker that is killed', () => {
  it('has every message in the queue at the end, twice at most where it was cut off', async () => {
    const broker = await startBroker()
    const ground = await createGround(broker.url)
    try {
      const trackers = Array.from({ length: 3000 }, (_, index) => ({ id: `${10_000 + index}`, site: '5' }))
      await ground.goals(trackers)
      for (const { id } of trackers) await ground.put(`5/${id}/a.duckdb`, bytes(1))
      let lines = 0
      const running = ground.run(['publish', 'efs-efs', '--json'], {}, (count) => {
        lines = count
      })
      await expect.poll(() => lines, { timeout: 60_000, interval: 5 }).toBeGreaterThan(0)
      await broker.kill()
      expect(lines).toBeLessThan(3000)
      await broker.start()
      const { status, err } = await running
      expect(status, err.join('\n')).toBe(0)
      expect(err.at(-1)).toBe('3,000 trackers, 3,000 messages (3.0 kB)')
      const found = (await takeAll(broker.url, ground.queue)).map(({ content }) => content.toString())
      expect(new Set(found).size).toBe(3000)
      expect(found.length).toBeLessThanOrEqual(3500)
    } finally {
      await ground.dispose()
      await broker.dispose()
    }
  })
})
