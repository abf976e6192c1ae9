import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DuckfleetError } from '../../src/errors.js'
import type { PublishOptions, Store, StoredFile } from '../../src/store/port.js'

/** A store to try, and a way to its bytes that does not go through it. */
export interface StoreHarness {
  readonly store: Store
  /** Writes to the store behind its back. */
  put(key: string, bytes: Uint8Array): Promise<void>
  /** What is there now, or undefined. */
  get(key: string): Promise<Uint8Array | undefined>
  /** Names of everything that is there, also what the store hides. */
  names(): Promise<readonly string[]>
  dispose(): Promise<void>
}

const signal = new AbortController().signal
const plain: PublishOptions = { metadata: {} }

/**
 * What every store promises. `localParent`: a folder for work folders.
 */
export function storeContract(name: string, localParent: string, create: () => Promise<StoreHarness>): void {
  describe(`store contract: ${name}`, () => {
    let harness: StoreHarness
    let local: string
    const file = (leaf: string): string => path.join(local, leaf)
    const finished = async (bytes: Uint8Array): Promise<string> => {
      await writeFile(file('finished'), bytes)
      return file('finished')
    }
    const known = async (key: string): Promise<StoredFile> => {
      const { file: found } = await harness.store.stat(key, signal)
      if (found === undefined) throw new Error(`${key} is missing`)
      return found
    }

    beforeEach(async () => {
      harness = await create()
      local = await mkdtemp(path.join(localParent, 'duckfleet-test-'))
    })
    afterEach(async () => {
      await harness.dispose()
      await rm(local, { recursive: true, force: true })
    })

    describe('reading', () => {
      it('knows nothing of a file that is not there', async () => {
        expect(await harness.store.stat('a/b.duckdb', signal)).toEqual({ file: undefined, wals: [] })
      })

      it('tells size, and the WALs that hold something', async () => {
        await harness.put('a/b.duckdb', randomBytes(100))
        await harness.put('a/b.duckdb.wal', randomBytes(7))
        await harness.put('a/b.duckdb.wal.checkpoint', new Uint8Array())
        const found = await known('a/b.duckdb')
        expect(found.size).toBe(100)
        expect(found.wals.map(({ suffix, size }) => [suffix, size])).toEqual([['.wal', 7]])
      })

      it('tells the WAL of a file that is not there', async () => {
        await harness.put('a/b.duckdb.wal', randomBytes(7))
        const { file: found, wals } = await harness.store.stat('a/b.duckdb', signal)
        expect([found, wals.map(({ suffix, size }) => [suffix, size])]).toEqual([undefined, [['.wal', 7]]])
      })

      it.each([
        ['the file changed', 'a.duckdb', 'other bytes'],
        ['its WAL changed', 'a.duckdb.wal', 'more rows'],
        ['its WAL is empty now', 'a.duckdb.wal', ''],
        ['another WAL appeared', 'a.duckdb.wal.recovery', 'rows'],
      ])('tells when %s', async (_, key, bytes) => {
        await harness.put('a.duckdb', Buffer.from('bytes'))
        await harness.put('a.duckdb.wal', Buffer.from('rows'))
        const before = await known('a.duckdb')
        await harness.store.assertUnchanged('a.duckdb', before, signal)
        await harness.put(key, Buffer.from(bytes))
        const look = harness.store.assertUnchanged('a.duckdb', before, signal)
        await expect(look).rejects.toMatchObject({ code: 'transient' })
      })

      it('tells a file that is gone', async () => {
        await harness.put('a.duckdb', Buffer.from('bytes'))
        const look = harness.store.assertUnchanged('b.duckdb', await known('a.duckdb'), signal)
        await expect(look).rejects.toMatchObject({ code: 'transient' })
      })

      it('has one identity for one file, another for another, and a version that moves with the bytes', async () => {
        await harness.put('a.duckdb', randomBytes(10))
        await harness.put('b.duckdb', randomBytes(10))
        const [a, again, b] = [await known('a.duckdb'), await known('./a.duckdb'), await known('b.duckdb')]
        expect(again.identity).toBe(a.identity)
        expect(b.identity).not.toBe(a.identity)
        expect(again.version).toBe(a.version)
        await harness.put('a.duckdb', randomBytes(11))
        const changed = await known('a.duckdb')
        expect(changed.version).not.toBe(a.version)
        // Whole seconds in some stores, and clocks may differ.
        expect(Math.abs(changed.writtenAt - Date.now())).toBeLessThan(60_000)
      })

      it('reads a head, or all of a short file', async () => {
        const bytes = randomBytes(5000)
        await harness.put('a.duckdb', bytes)
        const found = await known('a.duckdb')
        expect(Buffer.from(await harness.store.readHead('a.duckdb', found, 4096, signal))).toEqual(
          bytes.subarray(0, 4096),
        )
        expect(Buffer.from(await harness.store.readHead('a.duckdb', found, 9999, signal))).toEqual(bytes)
      })

      it('downloads the bytes and the WAL with a matching name, and counts them', async () => {
        const [bytes, wal] = [randomBytes(9_000_000), randomBytes(1000)]
        await harness.put('a.duckdb', bytes)
        await harness.put('a.duckdb.wal', wal)
        let moved = 0
        const onBytes = (count: number): void => {
          moved += count
        }
        await harness.store.download('a.duckdb', await known('a.duckdb'), file('source'), { onBytes }, signal)
        expect((await readFile(file('source'))).equals(bytes)).toBe(true)
        expect((await readFile(file('source.wal'))).equals(wal)).toBe(true)
        expect(moved).toBe(9_001_000)
      })

      it.each([4096, 50_000])('downloads the same when %i bytes of it have been read', async (length) => {
        const [bytes, wal] = [randomBytes(50_000), randomBytes(1000)]
        await harness.put('a.duckdb', bytes)
        await harness.put('a.duckdb.wal', wal)
        const found = await known('a.duckdb')
        const head = await harness.store.readHead('a.duckdb', found, length, signal)
        let moved = 0
        const onBytes = (count: number): void => {
          moved += count
        }
        await harness.store.download('a.duckdb', found, file('source'), { head, onBytes }, signal)
        expect((await readFile(file('source'))).equals(bytes)).toBe(true)
        expect((await readFile(file('source.wal'))).equals(wal)).toBe(true)
        expect(moved).toBe(51_000)
      })

      it.each([['a.duckdb'], ['a.duckdb.wal']])(
        'does not download when %s changed since it was looked at',
        async (changed) => {
          await harness.put('a.duckdb', randomBytes(100))
          await harness.put('a.duckdb.wal', randomBytes(10))
          const before = await known('a.duckdb')
          await harness.put(changed, randomBytes(101))
          const download = harness.store.download('a.duckdb', before, file('source'), {}, signal)
          await expect(download).rejects.toMatchObject({ code: 'transient' })
          expect(await readdir(local)).toEqual([])
        },
      )

      it('takes names that are so long that no WAL can lie beside them', async () => {
        const [key, to] = [`a/${'n'.repeat(248)}.duckdb`, `a/${'m'.repeat(248)}.duckdb`]
        await harness.put(key, Buffer.from('bytes'))
        const found = await known(key)
        expect([found.size, found.wals]).toEqual([5, []])
        await harness.store.download(key, found, file('source'), {}, signal)
        await harness.store.publish(file('source'), to, { metadata: {} }, signal)
        await harness.store.assertUnchanged(to, await known(to), signal)
        expect(Buffer.from((await harness.get(to)) ?? []).toString()).toBe('bytes')
      })

      it('lists by prefix, in all folders, with sizes', async () => {
        for (const key of ['b.duckdb', 'a/y.duckdb', 'a/x/z.txt', 'ab/c.duckdb'])
          await harness.put(key, randomBytes(3))
        const list = async (prefix: string): Promise<string[]> => {
          const keys: string[] = []
          for await (const { key, size } of harness.store.list(prefix, signal)) {
            expect(size).toBe(3)
            keys.push(key)
          }
          return keys.sort()
        }
        expect(await list('')).toEqual(['a/x/z.txt', 'a/y.duckdb', 'ab/c.duckdb', 'b.duckdb'])
        expect(await list('a/')).toEqual(['a/x/z.txt', 'a/y.duckdb'])
        expect(await list('a')).toEqual(['a/x/z.txt', 'a/y.duckdb', 'ab/c.duckdb'])
        expect(await list('not/there/')).toEqual([])
      })

      it('lists each file with the version that stat tells, which moves with the bytes', async () => {
        const listed = async (): Promise<string[]> => {
          const versions: string[] = []
          for await (const { version } of harness.store.list('a/', signal)) versions.push(version)
          return versions
        }
        await harness.put('a/b.duckdb', randomBytes(10))
        const before = await listed()
        expect(before).toEqual([(await known('a/b.duckdb')).version])
        await harness.put('a/b.duckdb', randomBytes(11))
        expect(await listed()).not.toEqual(before)
      })
    })

    describe('publishing', () => {
      it('makes the bytes appear, tells their digest, and leaves nothing else', async () => {
        const bytes = randomBytes(2_500_000)
        const published = await harness.store.publish(await finished(bytes), 'new/a.duckdb', plain, signal)
        expect((await harness.get('new/a.duckdb'))?.length).toBe(bytes.length)
        expect(published).toEqual({
          bytes: bytes.length,
          digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
        })
        expect(await harness.names()).toEqual(['new/a.duckdb'])
      })

      it('refuses an existing destination', async () => {
        await harness.put('a.duckdb', Buffer.from('old'))
        const publish = harness.store.publish(await finished(randomBytes(9)), 'a.duckdb', plain, signal)
        await expect(publish).rejects.toMatchObject({ code: 'usage' })
        expect(Buffer.from((await harness.get('a.duckdb')) ?? []).toString()).toBe('old')
        expect(await harness.names()).toEqual(['a.duckdb'])
      })

      it.each([9, 4_000_000])(
        'asks once more before %i bytes appear, and writes nothing then',
        async (size) => {
          let [told, asked] = [0, 0]
          const publish = harness.store.publish(
            await finished(randomBytes(size)),
            'a.duckdb',
            {
              ...plain,
              onBytes: (bytes) => {
                told += bytes
              },
              lastLook: async () => {
                asked += 1
                // Nothing but the last step is left.
                expect([told, await harness.get('a.duckdb')]).toEqual([size, undefined])
                throw new DuckfleetError('transient', 'the source changed')
              },
            },
            signal,
          )
          await expect(publish).rejects.toMatchObject({ code: 'transient', message: 'the source changed' })
          expect([asked, await harness.names()]).toEqual([1, []])
        },
      )

      it('lets one of many win the race for a new name', async () => {
        const tries = Array.from({ length: 8 }, async (_, index) => {
          const from = file(`finished-${index}`)
          await writeFile(from, `bytes ${index}`)
          return await harness.store.publish(from, 'a.duckdb', plain, signal)
        })
        const ended = await Promise.allSettled(tries)
        const winner = ended.findIndex(({ status }) => status === 'fulfilled')
        expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
        expect(Buffer.from((await harness.get('a.duckdb')) ?? []).toString()).toBe(`bytes ${winner}`)
        expect(await harness.names()).toEqual(['a.duckdb'])
      })

      it('replaces when asked to, and twice gives the same', async () => {
        await harness.put('a.duckdb', Buffer.from('old'))
        for (let time = 0; time < 2; time++) {
          // First: it may be the inode of the destination that the last one became.
          const from = await finished(Buffer.from('new'))
          const options = { ...plain, replaces: await known('a.duckdb') }
          await harness.store.publish(from, 'a.duckdb', options, signal)
        }
        expect(Buffer.from((await harness.get('a.duckdb')) ?? []).toString()).toBe('new')
        expect(await harness.names()).toEqual(['a.duckdb'])
      })

      it('refuses a WAL at the destination', async () => {
        await harness.put('a.duckdb.wal', randomBytes(5))
        const publish = harness.store.publish(await finished(randomBytes(9)), 'a.duckdb', plain, signal)
        await expect(publish).rejects.toMatchObject({
          code: 'usage',
          message: expect.stringContaining('a.duckdb.wal') as string,
        })
        expect(await harness.names()).toEqual(['a.duckdb.wal'])
      })

      it('writes nothing when aborted, before or in the middle', async () => {
        const from = await finished(randomBytes(4_000_000))
        const before = harness.store.publish(from, 'a.duckdb', plain, AbortSignal.abort())
        await expect(before).rejects.toMatchObject({ code: 'aborted' })
        const stop = new AbortController()
        const onBytes = (): void => {
          stop.abort()
        }
        const middle = harness.store.publish(from, 'a.duckdb', { ...plain, onBytes }, stop.signal)
        await expect(middle).rejects.toMatchObject({ code: 'aborted' })
        expect(await harness.names()).toEqual([])
      })
    })

    describe('backup and replacement', () => {
      it('keeps the bytes and the WAL, and takes the WAL away with the replacement', async () => {
        const [bytes, wal] = [randomBytes(500), randomBytes(50)]
        await harness.put('a.duckdb', bytes)
        await harness.put('a.duckdb.wal', wal)
        const before = await known('a.duckdb')
        expect(await harness.store.backup('a.duckdb', before, '.bak-39', signal)).toBe('a.duckdb.bak-39')
        const options = { ...plain, replaces: before }
        await harness.store.publish(await finished(Buffer.from('new')), 'a.duckdb', options, signal)
        expect(await harness.names()).toEqual(['a.duckdb', 'a.duckdb.bak-39', 'a.duckdb.bak-39.wal'])
        expect(Buffer.from((await harness.get('a.duckdb')) ?? []).toString()).toBe('new')
        expect(Buffer.from((await harness.get('a.duckdb.bak-39')) ?? []).equals(bytes)).toBe(true)
        expect(Buffer.from((await harness.get('a.duckdb.bak-39.wal')) ?? []).equals(wal)).toBe(true)
      })

      it('accepts the same backup twice, and refuses to overwrite another', async () => {
        await harness.put('a.duckdb', Buffer.from('one'))
        for (let time = 0; time < 2; time++)
          await harness.store.backup('a.duckdb', await known('a.duckdb'), '.bak-39', signal)
        await harness.put('b.duckdb', Buffer.from('two'))
        await harness.put('b.duckdb.bak-39', Buffer.from('old'))
        const backup = harness.store.backup('b.duckdb', await known('b.duckdb'), '.bak-39', signal)
        await expect(backup).rejects.toMatchObject({ code: 'usage' })
        expect(Buffer.from((await harness.get('b.duckdb.bak-39')) ?? []).toString()).toBe('old')
      })

      it('refuses a source that lost its WAL in a replacement that was cut short', async () => {
        await harness.put('a.duckdb', Buffer.from('old'))
        await harness.put('a.duckdb.bak-39', Buffer.from('old'))
        await harness.put('a.duckdb.bak-39.wal', Buffer.from('rows'))
        const backup = harness.store.backup('a.duckdb', await known('a.duckdb'), '.bak-39', signal)
        await expect(backup).rejects.toMatchObject({
          code: 'usage',
          message: expect.stringContaining('.bak-39.wal') as string,
        })
      })

      it('does not replace a file that changed since', async () => {
        await harness.put('a.duckdb', Buffer.from('old'))
        const before = await known('a.duckdb')
        await harness.put('a.duckdb', Buffer.from('newer'))
        const publish = harness.store.publish(
          await finished(Buffer.from('x')),
          'a.duckdb',
          { ...plain, replaces: before },
          signal,
        )
        await expect(publish).rejects.toMatchObject({ code: 'transient' })
        expect(Buffer.from((await harness.get('a.duckdb')) ?? []).toString()).toBe('newer')
      })
    })

    it.each([['../x'], ['a/../../x'], ['/etc/passwd'], [''], ['a\0b']])(
      'refuses the key %j everywhere',
      async (key) => {
        const refused = { code: 'usage' }
        const nobody: StoredFile = { size: 1, version: '', identity: '', writtenAt: 0, wals: [] }
        await expect(harness.store.stat(key, signal)).rejects.toMatchObject(refused)
        await expect(harness.store.assertUnchanged(key, nobody, signal)).rejects.toMatchObject(refused)
        await expect(harness.store.readHead(key, nobody, 1, signal)).rejects.toMatchObject(refused)
        await expect(harness.store.download(key, nobody, file('x'), {}, signal)).rejects.toMatchObject(
          refused,
        )
        await expect(
          harness.store.publish(await finished(randomBytes(1)), key, plain, signal),
        ).rejects.toMatchObject(refused)
        await expect(harness.store.backup(key, nobody, '.bak', signal)).rejects.toMatchObject(refused)
      },
    )

    it('stops before it starts when the signal has fired', async () => {
      await harness.put('a.duckdb', randomBytes(10))
      const found = await known('a.duckdb')
      const stopped = AbortSignal.abort()
      await expect(harness.store.stat('a.duckdb', stopped)).rejects.toMatchObject({ code: 'aborted' })
      await expect(harness.store.download('a.duckdb', found, file('x'), {}, stopped)).rejects.toMatchObject({
        code: 'aborted',
      })
      expect(await readdir(local)).toEqual([])
    })
  })
}
