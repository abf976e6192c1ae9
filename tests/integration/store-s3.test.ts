import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { PublishOptions, Store, StoredFile } from '../../src/store/port.js'
import type { S3Limits } from '../../src/store/s3/bucket.js'
import { createS3Client } from '../../src/store/s3/client.js'
import { createS3Store } from '../../src/store/s3/store.js'
import { storeContract } from '../contracts/store.js'
import { startFaultyProxy } from '../support/faulty-proxy.js'
import { createBucket } from '../support/s3.js'
import type { TestBucket } from '../support/s3.js'
import { services } from '../support/services.js'

let bucket: TestBucket
beforeAll(async () => {
  bucket = await createBucket()
})
afterAll(async () => {
  await bucket.dispose()
})

const KIB = 1024
const MIB = 1024 * KIB
const signal = new AbortController().signal
const plain: PublishOptions = { metadata: {} }
/** As small as S3 allows, so that files of some MiB have several parts. */
const inParts: Partial<S3Limits> = {
  getPart: 64 * KIB,
  putWhole: 0,
  putPart: 5 * MIB,
  copyWhole: 0,
  copyPart: 5 * MIB,
}
const open = (limits: Partial<S3Limits> = {}): Store =>
  createS3Store({ client: bucket.client, bucket: bucket.name, endpoint: bucket.endpoint, limits })

for (const [name, limits] of [
  ['one request a file', {}],
  // Not the writing: completing an upload in parts is no race that Ceph decides.
  ['reading and copying in parts', { ...inParts, putWhole: 16 * MIB }],
] as const) {
  storeContract(`s3, ${name}`, tmpdir(), () =>
    Promise.resolve({
      store: open(limits),
      put: bucket.put,
      get: bucket.get,
      names: bucket.names,
      dispose: bucket.empty,
    }),
  )
}

describe('s3 store', () => {
  let local: string
  const file = (leaf: string): string => path.join(local, leaf)
  beforeEach(async () => {
    local = await mkdtemp(path.join(tmpdir(), 'duckfleet-test-'))
  })
  afterEach(async () => {
    await bucket.empty()
    await rm(local, { recursive: true, force: true })
  })
  const publish = async (bytes: Uint8Array, key: string, store = open(), options = plain): Promise<void> => {
    await writeFile(file('finished'), bytes)
    await store.publish(file('finished'), key, options, signal)
  }
  const fetch = async (key: string, store = open()): Promise<Buffer> => {
    const found = await known(store, key)
    await rm(file('copy'), { force: true })
    await store.download(key, found, file('copy'), {}, signal)
    return await readFile(file('copy'))
  }
  const keys = async (prefix: string): Promise<string[]> => {
    const found: string[] = []
    for await (const { key } of open().list(prefix, signal)) found.push(key)
    return found
  }

  it.each([0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 5 * MIB, 5 * MIB + 1, 10 * MIB, 11 * MIB + 7])(
    'moves %i bytes there and back, in parts and whole',
    async (size) => {
      const bytes = randomBytes(size)
      for (const [key, limits] of [
        ['parts', inParts],
        ['whole', {}],
      ] as const) {
        await publish(bytes, key, open(limits))
        expect(sha(await bucket.get(key))).toBe(sha(bytes))
        expect(sha(await fetch(key, open(limits)))).toBe(sha(bytes))
      }
      expect(await bucket.uploads()).toEqual([])
    },
  )

  it.each([
    'a b/c d.duckdb',
    'a+b/c%20d%.duckdb',
    'Größe/データ/🦆.duckdb',
    'a//b.duckdb',
    "it's (1) & <2> #3 ?x=1;!*~.duckdb",
    'tab\tand\nline.duckdb',
  ])('knows the key %j wherever it is used', async (key) => {
    await bucket.put(key, Buffer.from('old'))
    await bucket.put(`${key}.wal`, Buffer.from('rows'))
    const before = await known(open(), key)
    expect(before.wals).toMatchObject([{ suffix: '.wal', size: 4 }])
    expect((await keys('')).sort()).toEqual([key, `${key}.wal`])
    expect(await open().backup(key, before, '.bak', signal)).toBe(`${key}.bak`)
    await publish(Buffer.from('new'), key, open(), { ...plain, replaces: before })
    expect((await keys('')).sort()).toEqual([key, `${key}.bak`, `${key}.bak.wal`])
    expect((await fetch(key)).toString()).toBe('new')
    expect((await fetch(`${key}.bak`)).toString()).toBe('old')
  })

  it('takes keys as they are: an empty part makes another object', async () => {
    await bucket.put('a/b.duckdb', Buffer.from('one'))
    expect((await open().stat('a//b.duckdb', signal)).file).toBeUndefined()
    await expect(open().stat('a/./b.duckdb', signal)).rejects.toMatchObject({ code: 'usage' })
  })

  it('lists thousands, with the versions that stat tells, and asks for no page that nobody wants', async () => {
    const wanted = Array.from({ length: 1050 }, (_, i) => `many/${String(i).padStart(5, '0')} +%.duckdb`)
    for (let i = 0; i < wanted.length; i += 50)
      await Promise.all(wanted.slice(i, i + 50).map((key) => bucket.put(key, Buffer.from('x'))))
    expect(await keys('many/')).toEqual(wanted)
    const proxy = await startFaultyProxy(bucket.endpoint)
    const client = createS3Client({ endpoint: proxy.endpoint })
    try {
      const store = createS3Store({ client, bucket: bucket.name, endpoint: proxy.endpoint })
      for await (const { key, version, size } of store.list('many/', signal)) {
        expect([version, size]).toEqual([(await known(open(), key)).version, 1])
        break
      }
      expect(proxy.seen).toHaveLength(1)
    } finally {
      client.destroy()
      await proxy.dispose()
    }
  })

  it('does not list folder markers and WALs that were set aside', async () => {
    await bucket.put('a/', new Uint8Array())
    await bucket.put('a/.duckfleet-00000000-0000-4000-8000-000000000001.tmp', Buffer.from('rows'))
    await bucket.put('a/b.duckdb', Buffer.from('x'))
    expect(await keys('')).toEqual(['a/b.duckdb'])
  })

  it('finds the WALs among other objects whose names begin alike', async () => {
    for (const ending of ['', '.wal', '.wal-old', '.wal.checkpoint', '.wal.d/x', '.wal.recovery', '.walrus'])
      await bucket.put(`a${ending}`, Buffer.from('x'))
    const { wals } = await known(open(), 'a')
    expect(wals.map(({ suffix }) => suffix)).toEqual(['.wal', '.wal.checkpoint', '.wal.recovery'])
  })

  it('keeps metadata: what it is given, and the digest of the content', async () => {
    const bytes = randomBytes(6 * MIB)
    for (const limits of [{}, inParts]) {
      const { file: replaces } = await open().stat('a', signal)
      const options = { metadata: { 'duckdb-release': '1.5.6' }, ...(replaces ? { replaces } : {}) }
      await publish(bytes, 'a', open(limits), options)
      expect(await bucket.metadata('a')).toMatchObject({
        'duckdb-release': '1.5.6',
        'content-sha256': sha(bytes),
      })
    }
  })

  it('lets one of many win the race for a new name, also with files in parts', async () => {
    const tries = [1, 2, 3, 4].map(async (index) => {
      await writeFile(file(String(index)), Buffer.alloc(6 * MIB, index))
      return await open(inParts).publish(file(String(index)), 'a', plain, signal)
    })
    const ended = await Promise.allSettled(tries)
    const won = ended.flatMap(({ status }, index) => (status === 'fulfilled' ? [index + 1] : []))
    const there = (await bucket.get('a')) ?? new Uint8Array()
    // The server ignores conditions on completion: a later one may still replace it, but never with half a file.
    expect(won).toContain(there[0])
    expect(sha(there)).toBe(sha(Buffer.alloc(6 * MIB, there[0])))
    expect(await bucket.uploads()).toEqual([])
  })

  it('replaces an object in a bucket that keeps versions, and none that changed', async () => {
    const versioned = await createBucket({ versions: true })
    try {
      const store = createS3Store({
        client: versioned.client,
        bucket: versioned.name,
        endpoint: versioned.endpoint,
      })
      await publish(Buffer.from('old'), 'a', store)
      const replaces = await known(store, 'a')
      await publish(Buffer.from('new'), 'a', store, { ...plain, replaces })
      expect((await fetch('a', store)).toString()).toBe('new')
      const again = publish(Buffer.from('newer'), 'a', store, { ...plain, replaces })
      await expect(again).rejects.toMatchObject({ code: 'transient' })
      expect((await fetch('a', store)).toString()).toBe('new')
    } finally {
      await versioned.dispose()
    }
  })

  it('backs up in parts, and knows its own backup by its bytes', async () => {
    const bytes = randomBytes(11 * MIB)
    await bucket.put('a', bytes)
    for (let time = 0; time < 2; time++) {
      await open(inParts).backup('a', await known(open(), 'a'), '.bak', signal)
      expect(sha(await bucket.get('a.bak'))).toBe(sha(bytes))
    }
    await bucket.put('a.bak', randomBytes(11 * MIB))
    const other = open(inParts).backup('a', await known(open(), 'a'), '.bak', signal)
    await expect(other).rejects.toMatchObject({ code: 'usage' })
    expect(await bucket.uploads()).toEqual([])
  })

  it('does not back up a source that changed', async () => {
    for (const limits of [{}, inParts]) {
      await bucket.put('a', randomBytes(6 * MIB))
      const before = await known(open(), 'a')
      await bucket.put('a', randomBytes(6 * MIB))
      const backup = open(limits).backup('a', before, '.bak', signal)
      await expect(backup).rejects.toMatchObject({ code: 'transient' })
      expect(await bucket.names()).toEqual(['a'])
      expect(await bucket.uploads()).toEqual([])
    }
  })

  it('refuses to download over a local file, and leaves it', async () => {
    await bucket.put('a', randomBytes(10))
    await writeFile(file('copy'), 'mine')
    const found = await known(open(), 'a')
    await expect(open().download('a', found, file('copy'), {}, signal)).rejects.toMatchObject({
      code: 'usage',
    })
    expect(await readFile(file('copy'), 'utf8')).toBe('mine')
  })

  it('works over TLS with the authority that it is given, and not without', async () => {
    await bucket.put('a', Buffer.from('x'))
    const { tlsCa, s3 } = services()
    for (const ca of [await readFile(tlsCa, 'utf8'), undefined]) {
      const client = createS3Client({ endpoint: s3.tlsEndpoint, ca })
      const store = createS3Store({ client, bucket: bucket.name, endpoint: s3.tlsEndpoint })
      const found = store.stat('a', signal)
      if (ca !== undefined) expect((await found).file?.size).toBe(1)
      else
        await expect(found).rejects.toMatchObject({
          code: 'usage',
          message: expect.stringContaining('TLS_CA_FILE') as string,
        })
      client.destroy()
    }
  })

  it('tells of a bucket that is not there, by name', async () => {
    const store = createS3Store({
      client: bucket.client,
      bucket: 'no-such-bucket',
      endpoint: bucket.endpoint,
    })
    await writeFile(file('x'), 'x')
    const refused = {
      code: 'usage',
      message: expect.stringContaining('there is no bucket no-such-bucket') as string,
    }
    await expect(store.stat('a', signal)).rejects.toMatchObject(refused)
    await expect(store.publish(file('x'), 'a', plain, signal)).rejects.toMatchObject(refused)
    await expect(store.list('', signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused)
  })
})

async function known(store: Store, key: string): Promise<StoredFile> {
  const { file: found } = await store.stat(key, signal)
  if (found === undefined) throw new Error(`${key} is missing`)
  return found
}

function sha(bytes: Uint8Array | undefined): string {
  return createHash('sha256')
    .update(bytes ?? 'missing')
    .digest('hex')
}
