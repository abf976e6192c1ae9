import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import type { S3Client } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { asDuckfleetError } from '../../src/errors.js'
import type { DuckfleetError } from '../../src/errors.js'
import type { PublishOptions, Published, Store, StoredFile } from '../../src/store/port.js'
import { createS3Client } from '../../src/store/s3/client.js'
import { createS3Store } from '../../src/store/s3/store.js'
import { startFaultyProxy } from '../support/faulty-proxy.js'
import type { Fault, FaultyProxy, SeenRequest } from '../support/faulty-proxy.js'
import { createBucket } from '../support/s3.js'
import type { TestBucket } from '../support/s3.js'

const MIB = 1024 * 1024
const signal = new AbortController().signal
const plain: PublishOptions = { metadata: {} }
/** Milliseconds: the client waits for four silences at most, with pauses between; then for the tidying up. */
const BOUND = 60_000
/** Milliseconds without a byte that the client waits. Short only where the test is about it: a busy machine is slow too. */
const idleMs = (test: string): number => (test.includes('stall') ? 1500 : 10_000)

const FAULTS: readonly Fault[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503, code: 'SlowDown' },
  { kind: 'reset' },
  { kind: 'lost-answer' },
  { kind: 'stall' },
]
const BODY_FAULTS: readonly Fault[] = [
  { kind: 'reset-in-body' },
  { kind: 'truncate' },
  { kind: 'stall-in-body' },
]
const naming = (faults: readonly Fault[]): [string, Fault][] =>
  faults.map((fault) => [`${fault.kind}${fault.kind === 'status' ? ` ${fault.status}` : ''}`, fault])

let bucket: TestBucket
let proxy: FaultyProxy
let client: S3Client
let store: Store
let local: string
const file = (leaf: string): string => path.join(local, leaf)

beforeAll(async () => {
  bucket = await createBucket()
  proxy = await startFaultyProxy(bucket.endpoint)
})
afterAll(async () => {
  await proxy.dispose()
  await bucket.dispose()
})
beforeEach(async ({ task }) => {
  local = await mkdtemp(path.join(tmpdir(), 'duckfleet-test-'))
  proxy.faults = () => undefined
  // A client of its own: the SDK's count of retries that are left must not go from test to test.
  client = createS3Client({ endpoint: proxy.endpoint, idleMs: idleMs(task.name) })
  const limits = { getPart: MIB, putWhole: 4 * MIB, putPart: 5 * MIB }
  store = createS3Store({ client, bucket: bucket.name, endpoint: proxy.endpoint, limits })
})
afterEach(async () => {
  client.destroy()
  await bucket.empty()
  await rm(local, { recursive: true, force: true })
})

/** Once: the request number `nth` of those that match; always: that and all later ones. */
function fail(
  fault: Fault,
  matches: (request: SeenRequest) => boolean,
  how: 'once' | 'always',
  nth = 1,
): void {
  let seen = 0
  proxy.faults = (request) => {
    if (!matches(request)) return undefined
    seen++
    return seen === nth || (how === 'always' && seen > nth) ? fault : undefined
  }
}

async function outcome<T>(run: Promise<T>): Promise<T | DuckfleetError> {
  const start = performance.now()
  try {
    return await run.catch((error: unknown) => asDuckfleetError(error, 'engine'))
  } finally {
    expect(performance.now() - start).toBeLessThan(BOUND)
  }
}

describe('downloading', () => {
  const isGet = ({ method, headers }: SeenRequest): boolean => method === 'GET' && headers.range !== undefined
  const bytes = randomBytes(5 * MIB + 123)
  const wal = randomBytes(1000)
  const prepare = async (): Promise<StoredFile> => {
    await bucket.put('a', bytes)
    await bucket.put('a.wal', wal)
    return await known('a')
  }
  const gone = async (): Promise<void> => {
    expect(await readdir(local)).toEqual([])
  }

  it.each(naming([...FAULTS, ...BODY_FAULTS]))('gets over one %s', async (_, fault) => {
    const found = await prepare()
    fail(fault, isGet, 'once', 3)
    let moved = 0
    const onBytes = (count: number): void => {
      moved += count
    }
    await store.download('a', found, file('copy'), { onBytes }, signal)
    expect(sha(await readFile(file('copy')))).toBe(sha(bytes))
    expect(sha(await readFile(file('copy.wal')))).toBe(sha(wal))
    expect(moved).toBe(bytes.length + wal.length)
  })

  it.each(naming([...FAULTS, ...BODY_FAULTS]))(
    'gives up in time when %s does not end, and leaves nothing',
    async (_, fault) => {
      const found = await prepare()
      fail(fault, isGet, 'always', 3)
      const ended = await outcome(store.download('a', found, file('copy'), {}, signal))
      expect(ended).toMatchObject({ code: 'transient' })
      await gone()
    },
  )

  it('notices an answer of another version', async () => {
    const found = await prepare()
    fail({ kind: 'wrong-etag' }, isGet, 'once', 3)
    const ended = await outcome(store.download('a', found, file('copy'), {}, signal))
    expect(ended).toMatchObject({ code: 'transient', message: expect.stringContaining('changed') as string })
    await gone()
  })

  it.each([
    ['the file changes', 'a', randomBytes(bytes.length)],
    ['the file shrinks', 'a', randomBytes(10)],
    ['its WAL changes', 'a.wal', randomBytes(1000)],
  ])('notices when %s in the middle', async (_, key, other) => {
    const found = await prepare()
    let gets = 0
    proxy.faults = async (request) => {
      if (isGet(request) && ++gets === 2) await bucket.put(key, other)
      return undefined
    }
    const ended = await outcome(store.download('a', found, file('copy'), {}, signal))
    expect(ended).toMatchObject({ code: 'transient', message: expect.stringContaining('changed') as string })
    await gone()
  })

  it('notices that the file was removed in the middle', async () => {
    const found = await prepare()
    let gets = 0
    proxy.faults = async (request) => {
      if (isGet(request) && ++gets === 2) await bucket.remove('a')
      return undefined
    }
    expect(await outcome(store.download('a', found, file('copy'), {}, signal))).toMatchObject({
      code: 'transient',
    })
    await gone()
  })

  it('stops at once when told to, while the server says nothing', async () => {
    const found = await prepare()
    const stop = new AbortController()
    proxy.faults = (request) => {
      if (!isGet(request)) return undefined
      stop.abort()
      return { kind: 'stall' }
    }
    const start = performance.now()
    expect(await outcome(store.download('a', found, file('copy'), {}, stop.signal))).toMatchObject({
      code: 'aborted',
    })
    expect(performance.now() - start).toBeLessThan(900)
    await gone()
  })
})

describe('publishing', () => {
  const small = randomBytes(MIB)
  const big = randomBytes(11 * MIB)
  const steps = {
    'the look at the destination': ({ method, url }: SeenRequest) =>
      method === 'HEAD' || url.includes('list-type=2'),
    'the only request': ({ method }: SeenRequest) => method === 'PUT',
    'the start': ({ method, url }: SeenRequest) => method === 'POST' && url.includes('uploads'),
    'a part': ({ method, url }: SeenRequest) => method === 'PUT' && url.includes('partNumber=2'),
    'the end': ({ method, url }: SeenRequest) => method === 'POST' && url.includes('uploadId='),
  } as const
  const cases = [
    ['the look at the destination', small],
    ['the only request', small],
    ['the start', big],
    ['a part', big],
    ['the end', big],
  ] as const
  const publish = async (bytes: Uint8Array, options = plain, stop = signal): Promise<Published> => {
    await writeFile(file('finished'), bytes)
    return await store.publish(file('finished'), 'a', options, stop)
  }
  /** The whole file or none; no upload in parts that waits. */
  const settled = async (ended: Published | DuckfleetError, bytes: Uint8Array): Promise<void> => {
    proxy.faults = () => undefined
    expect(await bucket.uploads()).toEqual([])
    if ('digest' in ended) expect(ended).toEqual({ digest: `sha256:${sha(bytes)}`, bytes: bytes.length })
    const there = await bucket.get('a')
    if ('digest' in ended || there !== undefined) expect(sha(there)).toBe(sha(bytes))
  }

  for (const [step, bytes] of cases) {
    it.each(naming(FAULTS))(`gets over one %s of ${step}`, async (_, fault) => {
      fail(fault, steps[step], 'once')
      const ended = await outcome(publish(bytes))
      expect(ended).not.toHaveProperty('code')
      await settled(ended, bytes)
    })

    it.each(naming(FAULTS))(`gives up in time when %s of ${step} does not end`, async (_, fault) => {
      fail(fault, steps[step], 'always')
      const ended = await outcome(publish(bytes))
      // A write whose answer alone was lost is found.
      const found = fault.kind === 'lost-answer' && ['the only request', 'the end'].includes(step)
      if (found) expect(ended).not.toHaveProperty('code')
      else expect(ended).toMatchObject({ code: 'transient' })
      await settled(ended, bytes)
      if (!found) expect(await bucket.names()).toEqual([])
    })
  }

  it('knows its own file when the answer is lost, also where it replaces another', async () => {
    await bucket.put('a', Buffer.from('old'))
    await bucket.put('a.wal', Buffer.from('rows'))
    fail(
      { kind: 'lost-answer' },
      ({ method, url }) => method === 'PUT' && url.startsWith(`/${bucket.name}/a?`),
      'once',
    )
    await publish(small, { ...plain, replaces: await known('a') })
    expect(await bucket.names()).toEqual(['a'])
    fail({ kind: 'lost-answer' }, ({ method }) => method === 'PUT', 'always')
    await publish(big.subarray(0, 3 * MIB), { ...plain, replaces: await known('a') })
    await settled(
      { digest: `sha256:${sha(big.subarray(0, 3 * MIB))}`, bytes: 3 * MIB },
      big.subarray(0, 3 * MIB),
    )
  })

  it('puts the WAL back when the server refuses to replace the file', async () => {
    await bucket.put('a', Buffer.from('old'))
    await bucket.put('a.wal', Buffer.from('rows'))
    const replaces = await known('a')
    fail({ kind: 'status', status: 403, code: 'AccessDenied' }, isWriteOf('a'), 'always')
    expect(await outcome(publish(small, { ...plain, replaces }))).toMatchObject({ code: 'transient' })
    expect(await bucket.names()).toEqual(['a', 'a.wal'])
    expect(Buffer.from((await bucket.get('a.wal')) ?? []).toString()).toBe('rows')
  })

  it('puts every WAL back that can be, and names the one that cannot', async () => {
    await bucket.put('a', Buffer.from('old'))
    await bucket.put('a.wal', Buffer.from('rows'))
    await bucket.put('a.wal.checkpoint', Buffer.from('more rows'))
    const replaces = await known('a')
    expect(replaces.wals).toHaveLength(2)
    const [first, second] = replaces.wals.map(({ suffix }) => `a${suffix}`) as [string, string]
    const rows = await bucket.get(first)
    const others = await bucket.get(second)
    const isRefused = isWriteOf('a')
    const isReturned = isWriteOf(first)
    fail(
      { kind: 'status', status: 403, code: 'AccessDenied' },
      (asked) => isRefused(asked) || isReturned(asked),
      'always',
    )
    const ended = await outcome(publish(small, { ...plain, replaces }))
    expect(ended).toMatchObject({ code: 'usage' })
    const message = (ended as Error).message
    expect(message).toMatch(
      /^cannot write s3:\/\/\S+\/a: access .*could not be put back either \(.*lacks rows/,
    )
    const [, kept, back] = /copy s3:\/\/[^/]+\/(\S+\.tmp) to s3:\/\/[^/]+\/(\S+)$/.exec(message) ?? []
    expect(back).toBe(first)
    expect(await bucket.get(kept ?? '')).toEqual(rows)
    expect(await bucket.get(second)).toEqual(others)
    expect(await bucket.names()).toEqual([kept, 'a', second])
  })

  it('leaves the WAL away while nobody knows whether the file was replaced, and says where it is', async () => {
    await bucket.put('a', Buffer.from('old'))
    await bucket.put('a.wal', Buffer.from('rows'))
    const replaces = await known('a')
    fail({ kind: 'status', status: 500, code: 'InternalError' }, isWriteOf('a'), 'always')
    const ended = await outcome(publish(small, { ...plain, replaces }))
    expect(ended).toMatchObject({ code: 'transient' })
    const message = (ended as Error).message
    expect(message).toMatch(/^cannot write s3:\/\/\S+\/a: the server failed .*its WAL stays away/)
    const [, kept] = /copy s3:\/\/[^/]+\/(\S+\.tmp) to s3:\/\/\S+\/a\.wal; else delete/.exec(message) ?? []
    expect(Buffer.from((await bucket.get(kept ?? '')) ?? []).toString()).toBe('rows')
    expect(await bucket.names()).toEqual([kept, 'a'])

    // So does a worker that is killed at this place; the next one, which replaces the file, leaves nothing of it.
    fail({ kind: 'status', status: 500, code: 'InternalError' }, () => false, 'always')
    await bucket.put(
      '.duckfleet-0123456789abcdef-01234567-89ab-cdef-0123-456789abcdef.tmp',
      Buffer.from('of b'),
    )
    await publish(small, { ...plain, replaces: await known('a') })
    expect(await bucket.names()).toEqual([
      '.duckfleet-0123456789abcdef-01234567-89ab-cdef-0123-456789abcdef.tmp',
      'a',
    ])
  })

  it('puts no WAL beside a file that somebody else put there meanwhile', async () => {
    await bucket.put('a', Buffer.from('old'))
    await bucket.put('a.wal', Buffer.from('rows'))
    const replaces = await known('a')
    fail({ kind: 'status', status: 412, code: 'PreconditionFailed' }, isWriteOf('a'), 'always')
    // Later than the store's own look, which runs at the same time.
    const lastLook = async (): Promise<void> => {
      await delay(1000)
      await bucket.put('a', Buffer.from('another'))
    }
    const ended = await outcome(publish(small, { ...plain, replaces, lastLook }))
    expect(ended).toMatchObject({ code: 'transient' })
    expect((ended as Error).message).toMatch(
      /changed .*copy s3:\/\/\S+\.tmp to s3:\/\/\S+\/a\.wal; else delete/,
    )
    expect(await bucket.names()).toEqual([expect.stringMatching(/\.tmp$/), 'a'])
    expect(Buffer.from((await bucket.get('a')) ?? []).toString()).toBe('another')
  })

  it.each([
    ['small', small],
    ['big', big],
  ])('does not take a %s file that was damaged on the way', async (_, bytes) => {
    fail({ kind: 'flip' }, ({ method }) => method === 'PUT', 'once')
    const ended = await outcome(publish(bytes))
    expect(ended).toMatchObject({ code: 'transient' })
    await settled(ended, bytes)
    expect(await bucket.names()).toEqual([])
  })

  it('does not take a big file that changed after its digest was computed', async () => {
    proxy.faults = async (request) => {
      if (steps['the start'](request)) await writeFile(file('finished'), randomBytes(big.length))
      return undefined
    }
    const ended = await outcome(publish(big))
    expect(ended).toMatchObject({ code: 'transient' })
    await settled(ended, big)
    expect(await bucket.names()).toEqual([])
  })

  it('does not overwrite what appears while parts are on their way', async () => {
    proxy.faults = async (request) => {
      if (steps['a part'](request)) await bucket.put('a', Buffer.from('theirs'))
      return undefined
    }
    expect(await outcome(publish(big))).toMatchObject({ code: 'usage' })
    proxy.faults = () => undefined
    expect(Buffer.from((await bucket.get('a')) ?? []).toString()).toBe('theirs')
    expect(await bucket.uploads()).toEqual([])
  })

  it('writes again when the server tells of a race', async () => {
    fail(
      { kind: 'status', status: 409, code: 'ConditionalRequestConflict' },
      steps['the only request'],
      'once',
    )
    await settled(await publish(small), small)
  })

  it.each([
    ['small', small],
    ['big', big],
  ])('leaves nothing half when stopped at any request of a %s file', async (_, bytes) => {
    await publish(bytes)
    const requests = proxy.seen.length
    for (let at = 1; at <= Math.min(requests, 14); at++) {
      await bucket.empty()
      const stop = new AbortController()
      let seen = 0
      proxy.faults = () => {
        if (++seen === at) stop.abort()
        return undefined
      }
      const ended = await outcome(publish(bytes, plain, stop.signal))
      if ('code' in ended) expect(ended.code).toBe('aborted')
      await settled(ended, bytes)
    }
  })
})

/** The server carries out what nobody waits for any more: an upload or a file appears after the client has looked. */
describe('publishing to a server that is late', () => {
  const bytes = randomBytes(11 * MIB)
  const LATE_MS = 1_500
  const isStart = ({ method, url }: SeenRequest): boolean => method === 'POST' && url.includes('uploads')
  const isEnd = ({ method, url }: SeenRequest): boolean => method === 'POST' && url.includes('uploadId=')
  const publish = async (stop = signal): Promise<Published> => {
    await writeFile(file('finished'), bytes)
    return await store.publish(file('finished'), 'a', plain, stop)
  }
  /** Stops at the first request that matches, which the server gets late. */
  const stopAt = (matches: (request: SeenRequest) => boolean, fault: Fault): AbortSignal => {
    const stop = new AbortController()
    proxy.faults = (request) => {
      if (!matches(request) || stop.signal.aborted) return undefined
      stop.abort()
      return fault
    }
    return stop.signal
  }
  const later = async (): Promise<void> => {
    await delay(LATE_MS + 500)
    expect(await bucket.uploads()).toEqual([])
  }

  it('takes back a start that was under way when it was stopped', async () => {
    const stop = stopAt(isStart, { kind: 'late', ms: LATE_MS })
    expect(await outcome(publish(stop))).toMatchObject({ code: 'aborted' })
    expect(await bucket.uploads()).toEqual([])
    await later()
    expect(await bucket.names()).toEqual([])
  })

  it('does so too when the connection is lost with it', async () => {
    const stop = stopAt(isStart, { kind: 'cut-and-late', ms: LATE_MS })
    expect(await outcome(publish(stop))).toMatchObject({ code: 'aborted' })
    await later()
    expect(await bucket.names()).toEqual([])
  })

  it('waits no longer than some seconds for it', async () => {
    const stop = stopAt(isStart, { kind: 'stall' })
    const began = performance.now()
    expect(await outcome(publish(stop))).toMatchObject({ code: 'aborted' })
    expect(performance.now() - began).toBeLessThan(15_000)
    await later()
  })

  it.each(['once', 'always'] as const)('removes what a start left that was cut off %s', async (how) => {
    fail({ kind: 'cut-and-late', ms: LATE_MS }, isStart, how)
    const ended = await outcome(publish())
    if (how === 'once') expect(ended).not.toHaveProperty('code')
    else expect(ended).toMatchObject({ code: 'transient' })
    await later()
    expect(await bucket.names()).toEqual(how === 'once' ? ['a'] : [])
  })

  it.each(['late', 'cut-and-late'] as const)(
    'finds its file when the end comes %s, stopped',
    async (kind) => {
      const stop = stopAt(isEnd, { kind, ms: LATE_MS })
      expect(await outcome(publish(stop))).not.toHaveProperty('code')
      expect(sha(await bucket.get('a'))).toBe(sha(bytes))
      await later()
      expect(sha(await bucket.get('a'))).toBe(sha(bytes))
    },
  )
})

describe('refusals', () => {
  it.each([
    [403, 'AccessDenied', 'transient', 's3:GetObject'],
    [403, 'InvalidObjectState', 'usage', 'archived'],
    [400, 'ExpiredToken', 'transient', 'ExpiredToken'],
    [301, 'PermanentRedirect', 'usage', 'AWS_REGION'],
  ])('tells %i %s as %s', async (status, code, expected, text) => {
    await bucket.put('a', randomBytes(10))
    const found = await known('a')
    fail({ kind: 'status', status, code }, () => true, 'always')
    const ended = await outcome(store.readHead('a', found, 10, signal))
    expect(ended).toMatchObject({ code: expected, message: expect.stringContaining(text) as string })
    expect(String(ended)).toContain(`s3://${bucket.name}/a`)
  })

  it('tells of wrong credentials, without the secret anywhere', async () => {
    const secret = 'wrongwrongwrong0123456789'
    const previous = process.env['AWS_SECRET_ACCESS_KEY']
    process.env['AWS_SECRET_ACCESS_KEY'] = secret
    const wrong = createS3Client({ endpoint: bucket.endpoint })
    try {
      const refused = createS3Store({ client: wrong, bucket: bucket.name, endpoint: bucket.endpoint })
      await writeFile(file('x'), 'x')
      for (const run of [
        () => refused.stat('a', signal),
        () => refused.publish(file('x'), 'a', plain, signal),
        () => refused.list('', signal)[Symbol.asyncIterator]().next(),
      ]) {
        const ended = await outcome<unknown>(run())
        expect(ended).toMatchObject({
          code: 'transient',
          message: expect.stringContaining('credentials') as string,
        })
        const all = inspect(ended, { depth: 20, showHidden: true })
        expect(all).not.toContain(secret)
        expect(all.toLowerCase()).not.toContain('authorization')
      }
    } finally {
      process.env['AWS_SECRET_ACCESS_KEY'] = previous
      wrong.destroy()
    }
  })

  it('tells of a server that is not there, in time', async () => {
    const nobody = createS3Client({ endpoint: 'http://127.0.0.1:9' })
    const absent = createS3Store({ client: nobody, bucket: bucket.name, endpoint: 'http://127.0.0.1:9' })
    const ended = await outcome(absent.stat('a', signal))
    expect(ended).toMatchObject({
      code: 'transient',
      message: expect.stringContaining('ECONNREFUSED') as string,
    })
    nobody.destroy()
  })
})

function isWriteOf(key: string): (request: SeenRequest) => boolean {
  return ({ method, url }) => method === 'PUT' && url.startsWith(`/${bucket.name}/${key}?`)
}

async function known(key: string): Promise<StoredFile> {
  const { file: found } = await store.stat(key, signal)
  if (found === undefined) throw new Error(`${key} is missing`)
  return found
}

function sha(bytes: Uint8Array | undefined): string {
  return createHash('sha256')
    .update(bytes ?? 'missing')
    .digest('hex')
}
