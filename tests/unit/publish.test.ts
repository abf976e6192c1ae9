import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DuckfleetError } from '../../src/errors.js'
import { locations, parseMessage } from '../../src/fleet/message.js'
import type { Tracker, TrackerSource } from '../../src/tracker/port.js'
import { database } from './job-bench.js'
import { fakeStore, publish } from './publish-rig.js'

const ONE: Tracker = { id: '9324670152232788', site: '56' }
const TWO: Tracker = { id: '600700800900100', site: '71' }
const FILE = 'tracker-migration/9324670152232788/VolumeCases-9324670152232788.duckdb'
const files = {
  [FILE]: { size: 10 },
  'tracker-migration/600700800900100/a.new.duckdb': { size: 20 },
  'tracker-migration/93246701522327880/other.duckdb': { size: 1 },
}

describe('what is published', () => {
  it('is the body of the contract, to the byte', async () => {
    const { small, summary } = await publish({ trackers: [ONE], source: fakeStore(files) })
    expect(small.map(({ body }) => body)).toEqual([
      '{"source_datastore":"s3","destination_datastore":"s3","source_bucket":"from","destination_bucket":"to",' +
        `"tracker-id":"9324670152232788","source_key":"${FILE}",` +
        '"dest_key":"56/9324670152232788/VolumeCases-9324670152232788.duckdb"}',
    ])
    expect(summary).toEqual({
      trackers: 1,
      queues: { small: { messages: 1, bytes: 10 }, big: { messages: 0, bytes: 0 } },
      done: 0,
      problems: 0,
    })
  })

  it.each([
    [
      'efs-efs',
      { source_datastore: 'efs', destination_datastore: 'efs', key: '56/9324670152232788/a.duckdb' },
    ],
    [
      's3-efs',
      {
        source_datastore: 's3',
        destination_datastore: 'efs',
        source_bucket: 'from',
        'tracker-id': '9324670152232788',
        source_key: FILE,
        key: '56/9324670152232788/VolumeCases-9324670152232788.duckdb',
      },
    ],
    [
      'efs-s3',
      {
        source_datastore: 'efs',
        destination_datastore: 's3',
        key: '56/9324670152232788/a.duckdb',
        destination_bucket: 'to',
        dest_key: '56/9324670152232788/a.duckdb',
      },
    ],
  ] as const)('names source and destination of %s', async (route, body) => {
    const source = fakeStore({ ...files, '56/9324670152232788/a.duckdb': { size: 5 } })
    const { bodies } = await publish({ trackers: [ONE], source, options: { route } })
    expect(bodies).toEqual([body])
  })

  it('is every database, also .new.duckdb and those in folders below, and nothing else', async () => {
    const below = 'tracker-migration/600700800900100/'
    const names = ['a.duckdb', 'a.new.duckdb', 'x/y.duckdb', 'ä +%#.duckdb']
    const others = ['a.duckdb.wal', 'readme.txt', 'duckdb', 'a.duckdb.bak-39', '']
    const source = fakeStore(
      Object.fromEntries([...names, ...others].map((name) => [below + name, { size: 1 }])),
    )
    const { bodies } = await publish({ trackers: [TWO], source })
    expect(bodies.map(({ dest_key }) => dest_key).sort()).toEqual(
      names.map((name) => `71/600700800900100/${name}`).sort(),
    )
  })

  it('never holds files of a tracker whose id only begins the same', async () => {
    const { bodies } = await publish({
      trackers: [ONE],
      source: fakeStore(files),
      options: {
        layout: { s3Prefix: 'tracker-migration/{tracker}', efsFolders: [], destination: '{tracker}/{file}' },
      },
    })
    expect(bodies.map(({ source_key }) => source_key)).toEqual([FILE])
  })

  it('goes to the big queue from the threshold on, the WAL counted', async () => {
    const below = 'tracker-migration/9324670152232788/'
    const source = fakeStore({
      [`${below}small.duckdb`]: { size: 999 },
      [`${below}big.duckdb`]: { size: 1000 },
      [`${below}with-wal.duckdb`]: { size: 999 },
      [`${below}with-wal.duckdb.wal`]: { size: 1 },
    })
    const { small, big, summary } = await publish({ trackers: [ONE], source })
    expect(small.length).toBe(1)
    expect(big.length).toBe(2)
    expect(summary?.queues).toEqual({ small: { messages: 1, bytes: 999 }, big: { messages: 2, bytes: 2000 } })
  })

  it('has an id that stays while the work is the same, and changes with file, WAL, and destination', async () => {
    const id = async (
      more: object,
      version = 'v1',
      destinationBucket = 'to',
    ): Promise<string | undefined> => {
      const source = fakeStore({ [FILE]: { size: 10, version }, ...more })
      const { small } = await publish({ trackers: [ONE], source, options: { destinationBucket } })
      return small[0]?.id
    }
    const first = await id({})
    expect(first).toMatch(/^[0-9a-f]{32}$/)
    expect(await id({})).toBe(first)
    expect(await id({ [`${FILE}.wal`]: { size: 0 } })).toBe(first)
    const others = [
      await id({}, 'v2'),
      await id({}, 'v1', 'elsewhere'),
      await id({ [`${FILE}.wal`]: { size: 5 } }),
    ]
    expect(new Set([first, ...others]).size).toBe(4)
  })

  it('is taken once from folders that lie in each other', async () => {
    const { bodies } = await publish({
      trackers: [{ id: '7', site: '7' }],
      source: fakeStore({ '7/7/a.duckdb': { size: 1 } }),
      options: { route: 'efs-efs' },
    })
    expect(bodies).toEqual([{ source_datastore: 'efs', destination_datastore: 'efs', key: '7/7/a.duckdb' }])
  })

  it('is limited to so many trackers', async () => {
    const trackers = Array.from({ length: 50 }, (_, index) => ({ id: `${index + 10}`, site: '5' }))
    const source = fakeStore(
      Object.fromEntries(trackers.map(({ id }) => [`tracker-migration/${id}/a.duckdb`, { size: 1 }])),
    )
    const { summary, bodies } = await publish({ trackers, source, options: { limit: 20 } })
    expect([summary?.trackers, bodies.length]).toEqual([20, 20])
  })

  it('leaves its root by no id, site or name, whatever they are', async () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 6 }),
      fc.constantFrom('..', '.', '', '{site}', '{file}', '$&', 'a/b', 'a\\b', '\0'),
    )
    await fc.assert(
      fc.asyncProperty(
        part,
        part,
        part,
        fc.constantFrom('s3-s3', 'efs-efs', 's3-efs', 'efs-s3'),
        async (id, site, name, route) => {
          const found = [`tracker-migration/${id}/${name}.duckdb`, `${site}/${id}/${name}.duckdb`]
          const source = fakeStore(Object.fromEntries(found.map((key) => [key, { size: 1 }])))
          const { bodies, problems, summary } = await publish({
            trackers: [{ id, site }],
            source,
            options: { route },
          })
          expect(bodies.length + problems.length).toBeGreaterThan(0)
          expect(summary?.problems).toBe(problems.length)
          for (const body of bodies) {
            const { destination } = locations(parseMessage(JSON.stringify(body)))
            expect(destination.key.startsWith(`${site}/${id}/`)).toBe(true)
            expect(destination.key.split('/')).not.toContain('..')
          }
        },
      ),
    )
  })
})

describe('what cannot be published', () => {
  const good = fakeStore(files)

  it.each([
    ['', '56', /its id is NULL or empty/],
    ['1', '', /its site is NULL or empty/],
    ['../56', '56', /its id holds a slash/],
    ['1', '..', /its site is the name of another folder/],
    ['1\n2', '56', /its id holds control characters/],
    ['a\\b', '56', /its id holds a slash/],
    ['x'.repeat(257), '56', /its id is longer/],
  ])('names a hostile id or site (%j, %j), and publishes the others', async (id, site, message) => {
    const { problems, bodies, summary } = await publish({ trackers: [{ id, site }, ONE], source: good })
    expect(problems).toEqual([{ tracker: { id, site }, message: expect.stringMatching(message) as string }])
    expect([bodies.length, summary?.problems]).toEqual([1, 1])
  })

  it('names a tracker without files, and where they were looked for', async () => {
    const { problems, bodies } = await publish({ trackers: [{ id: '5', site: '1' }, ONE, TWO], source: good })
    expect(problems.map(({ message }) => message)).toEqual([
      'there are no *.duckdb files in s3://from/tracker-migration/5/',
    ])
    expect(bodies.length).toBe(2)
  })

  it('names a tracker whose files cannot be listed, and tries again what may pass', async () => {
    let tries = 0
    const source = fakeStore(files, (prefix) => {
      if (prefix.includes(ONE.id)) return new DuckfleetError('usage', 'access to s3://from is denied')
      return (tries += 1) < 3 ? new DuckfleetError('transient', 'slow down') : undefined
    })
    const { problems, bodies } = await publish({ trackers: [ONE, TWO], source })
    expect(problems).toEqual([{ tracker: ONE, message: 'access to s3://from is denied' }])
    expect([bodies.length, tries]).toEqual([1, 3])
  })

  it('names a link to a folder that was not followed, once, and sends the other files', async () => {
    const source = fakeStore({
      [`56/${ONE.id}/a.duckdb`]: { size: 1 },
      [`56/${ONE.id}/more`]: { size: 0, unfollowed: true },
    })
    const { bodies, problems } = await publish({ trackers: [ONE], source, options: { route: 'efs-efs' } })
    expect(bodies.map(({ key }) => key)).toEqual([`56/${ONE.id}/a.duckdb`])
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /56\/9324670152232788\/more is a symbolic link to a folder elsewhere, .*nothing in it/,
      ),
    ])
  })

  it('sends none of two files that would become the same', async () => {
    const source = fakeStore({
      '56/9324670152232788/a.duckdb': { size: 1 },
      '9324670152232788/a.duckdb': { size: 1 },
      '9324670152232788/b.duckdb': { size: 1 },
    })
    const { problems, bodies } = await publish({ trackers: [ONE], source, options: { route: 'efs-s3' } })
    expect(bodies.map(({ key }) => key)).toEqual(['9324670152232788/b.duckdb'])
    expect(problems[0]?.message).toMatch(
      /56\/9324670152232788\/a\.duckdb and .*\/a\.duckdb would become the same/,
    )
  })

  it('sends none of two objects whose keys are one path on EFS', async () => {
    const below = 'tracker-migration/9324670152232788/'
    const source = fakeStore({ [`${below}x//a.duckdb`]: { size: 1 }, [`${below}x/a.duckdb`]: { size: 1 } })
    const { problems, bodies } = await publish({ trackers: [ONE], source, options: { route: 's3-efs' } })
    expect(bodies).toEqual([])
    expect(problems[0]?.message).toMatch(/x\/\/a\.duckdb and .*x\/a\.duckdb would become the same 56\//)
    // In a bucket they are two.
    expect((await publish({ trackers: [ONE], source })).bodies).toHaveLength(2)
  })

  it('sends no files of a second site that would replace those of the first', async () => {
    const twin = { ...ONE, site: '57' }
    const sources = {
      's3-s3': '{site}/{tracker}/',
      'efs-s3': '{site}/{tracker}/',
      's3-efs': '{site}/{tracker}/',
    }
    const source = fakeStore({
      [`56/${ONE.id}/a.duckdb`]: { size: 1 },
      [`57/${ONE.id}/a.duckdb`]: { size: 2 },
      '71/600700800900100/a.duckdb': { size: 3 },
    })
    for (const [route, from] of Object.entries(sources)) {
      const layout = { s3Prefix: from, efsFolders: [from], destination: '{tracker}/{file}' }
      const options = { route: route as keyof typeof sources, layout }
      const { problems, sent } = await publish({ trackers: [ONE, twin, TWO], source, options })
      expect(sent.map(({ sourceKey }) => sourceKey).sort()).toEqual([
        `56/${ONE.id}/a.duckdb`,
        '71/600700800900100/a.duckdb',
      ])
      expect(problems).toEqual([
        { tracker: twin, message: expect.stringContaining('put {site} into DESTINATION_KEY') as string },
      ])
    }
    const layout = {
      s3Prefix: '{tracker}/',
      efsFolders: ['{site}/{tracker}/'],
      destination: '{tracker}/{file}',
    }
    const { problems } = await publish({
      trackers: [ONE, twin],
      source,
      options: { route: 'efs-efs', layout },
    })
    expect(problems).toEqual([])
  })

  it('names a file whose destination would be itself, and one whose key no worker would take', async () => {
    const layout = { s3Prefix: '{site}/{tracker}/', efsFolders: [], destination: '{site}/{tracker}/{file}' }
    const itself = await publish({
      trackers: [ONE],
      source: fakeStore({ '56/9324670152232788/a.duckdb': { size: 1 } }),
      options: { layout, destinationBucket: 'from' },
    })
    expect(itself.problems[0]?.message).toMatch(/was not sent: its destination is the file itself/)
    const hostile = await publish({
      trackers: [ONE],
      source: fakeStore({ 'tracker-migration/9324670152232788/../../a.duckdb': { size: 1 } }),
    })
    expect(hostile.problems[0]?.message).toMatch(/was not sent: invalid message: source_key: holds '\.\.'/)
    expect([itself.bodies, hostile.bodies]).toEqual([[], []])
  })

  it('sends no file of another tracker, whose site has the name of this one', async () => {
    const source = fakeStore({
      '71/9324670152232788/a.duckdb': { size: 1 },
      '9324670152232788/b.duckdb': { size: 1 },
      '9324670152232788/600700800900100/c.duckdb': { size: 1 },
    })
    const { bodies, problems } = await publish({
      trackers: [{ id: '9324670152232788', site: '71' }],
      source,
      options: { route: 'efs-s3' },
    })
    expect(bodies.map(({ key }) => key).sort()).toEqual([
      '71/9324670152232788/a.duckdb',
      '9324670152232788/b.duckdb',
    ])
    expect(problems.map(({ message }) => message).join()).toMatch(
      /c\.duckdb was not sent: its folder may be another tracker's/,
    )
  })

  it('names trackers and sites that were asked for and are not there', async () => {
    const { problems } = await publish({
      trackers: [ONE, TWO],
      source: good,
      options: { filter: { trackers: [ONE.id, '404'], sites: ['56', '405'] } },
    })
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^tracker 404 is not/),
      expect.stringMatching(/^site 405 is not/),
    ])
  })

  it('says so when there are no trackers at all', async () => {
    const { problems, summary } = await publish({ trackers: [], source: good })
    expect(problems.map(({ message }) => message)).toEqual([expect.stringMatching(/^there are no trackers/)])
    expect(summary?.problems).toBe(1)
  })
})

describe('skipping what is done', () => {
  const target = { release: '1.5.6' }
  const options = { skipDone: target }

  it('leaves out files whose destination the target has written, and only those', async () => {
    const key = (name: string): string => `56/9324670152232788/${name}.duckdb`
    const held = (bytes: Buffer): { size: number; bytes: Buffer } => ({ size: bytes.length, bytes })
    const names = ['done', 'newer', 'old', 'junk', 'empty', 'missing']
    const source = fakeStore(
      Object.fromEntries(
        names.map((name) => [`tracker-migration/9324670152232788/${name}.duckdb`, { size: 1 }]),
      ),
    )
    const destination = fakeStore({
      [key('done')]: held(database(64)),
      // What a source of a newer format than the default becomes.
      [key('newer')]: held(database(67)),
      [key('old')]: held(database(51)),
      [key('junk')]: held(Buffer.from('no database')),
      [key('empty')]: held(Buffer.alloc(0)),
    })
    const { bodies, summary } = await publish({ trackers: [ONE], source, destination, options })
    expect(bodies.map(({ dest_key }) => dest_key).sort()).toEqual(names.slice(2).map(key).sort())
    expect(summary?.done).toBe(2)
  })

  it('names a file whose destination cannot be looked at', async () => {
    const destination = fakeStore({}, () => new DuckfleetError('usage', 'access to s3://to is denied'))
    const { bodies, problems } = await publish({
      trackers: [ONE],
      source: fakeStore(files),
      destination,
      options,
    })
    expect(bodies).toEqual([])
    expect(problems[0]?.message).toMatch(/VolumeCases.*was not sent: .*access to s3:\/\/to is denied/)
  })
})

describe('a run that cannot go on', () => {
  const trackers = Array.from({ length: 1000 }, (_, index) => ({ id: `${index + 1000}`, site: '5' }))
  const source = fakeStore(
    Object.fromEntries(trackers.map(({ id }) => [`tracker-migration/${id}/a.duckdb`, { size: 1 }])),
  )

  it('waits out a broker that is away for a moment', async () => {
    const tries = new Map<string, number>()
    const { bodies, summary } = await publish({
      trackers,
      source,
      onPublish: ({ body }) => {
        tries.set(body, (tries.get(body) ?? 0) + 1)
        return tries.get(body) === 3
          ? Promise.resolve()
          : Promise.reject(new DuckfleetError('transient', 'the broker is away'))
      },
    })
    expect(bodies.length).toBe(1000)
    expect(summary?.queues.small.messages).toBe(1000)
  })

  it('says of every try of a message when the first one was: one whose confirm was lost may have been worked on', async () => {
    const times: unknown[] = []
    await publish({
      trackers: [ONE],
      source: fakeStore({ [`tracker-migration/${ONE.id}/a.duckdb`]: { size: 1 } }),
      onPublish: async ({ publishedAt }) => {
        times.push(publishedAt)
        await new Promise((resolve) => setTimeout(resolve, 5))
        if (times.length < 3) throw new DuckfleetError('transient', 'the confirm was lost')
      },
    })
    expect(times).toEqual([expect.any(Number), times[0], times[0]])
  })

  it('ends with the number of messages that were published', async () => {
    let count = 0
    const { error, bodies } = await publish({
      trackers,
      source,
      onPublish: () =>
        (count += 1) > 300
          ? Promise.reject(new DuckfleetError('transient', 'the broker is away'))
          : Promise.resolve(),
    })
    expect(error?.code).toBe('transient')
    expect(error?.message).toMatch(/^the broker is away; until then 300 messages were published/)
    expect(bodies.length).toBe(300)
  })

  it('ends at once when the queue refuses for good', async () => {
    let count = 0
    const { error } = await publish({
      trackers,
      source,
      onPublish: () => {
        count += 1
        return Promise.reject(new DuckfleetError('usage', 'there is no such queue'))
      },
    })
    expect(error).toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/^there is no such queue/) as string,
    })
    expect(count).toBeLessThanOrEqual(500)
  })

  it('ends when the trackers end with an error, and closes their source', async () => {
    let closed = false
    const broken: TrackerSource = {
      // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous
      async *trackers() {
        try {
          yield* trackers.slice(0, 100)
          throw new DuckfleetError('transient', 'the database is gone')
        } finally {
          closed = true
        }
      },
      close: () => Promise.resolve(),
    }
    const { error } = await publish({ trackers: broken, source })
    expect(error).toMatchObject({ code: 'transient' })
    expect(error?.message).toMatch(/^the database is gone; until then \d+ messages were published/)
    expect(closed).toBe(true)
  })

  it('stops when it is told to', async () => {
    const controller = new AbortController()
    const { error, bodies } = await publish({
      trackers,
      source,
      signal: controller.signal,
      onPublish: (_message, signal) =>
        new Promise((_resolve, reject) => {
          setTimeout(() => {
            controller.abort()
          }, 5)
          signal.addEventListener('abort', () => {
            reject(new DuckfleetError('aborted', 'stopped on request'))
          })
        }),
    })
    expect(error?.code).toBe('aborted')
    expect(bodies).toEqual([])
  })

  it('has no more than 500 messages on their way, nor reads ahead of them', async () => {
    const waiting: (() => void)[] = []
    let most = 0
    let read = 0
    const counted: TrackerSource = {
      // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous
      async *trackers() {
        for (const tracker of trackers) {
          read += 1
          yield tracker
        }
      },
      close: () => Promise.resolve(),
    }
    const published = publish({
      trackers: counted,
      source,
      onPublish: () =>
        new Promise((resolve) => {
          waiting.push(resolve)
          most = Math.max(most, waiting.length)
        }),
    })
    await expect.poll(() => waiting.length).toBe(500)
    expect(read).toBeLessThan(500 + 40)
    const release = setInterval(() => {
      for (const resolve of waiting.splice(0, 100)) resolve()
    }, 1)
    expect((await published).bodies.length).toBe(1000)
    clearInterval(release)
    expect(most).toBe(500)
  })
})
