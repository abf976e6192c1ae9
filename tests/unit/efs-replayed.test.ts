import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import type * as Files from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createEfsStore } from '../../src/store/efs.js'
import type { Store, StoredFile } from '../../src/store/port.js'

const signal = new AbortController().signal
/** Answers are lost from now on: what was asked is done, and asked once more. */
let lossy = false

vi.mock('node:fs/promises', async (load) => {
  const real = await load<typeof Files>()
  const twice =
    (run: (from: string, to: string) => Promise<void>) =>
    async (from: string, to: string): Promise<void> => {
      await run(from, to)
      if (lossy) await run(from, to)
    }
  return { ...real, rename: twice(real.rename), link: twice(real.link) }
})

let folder: string
let store: Store
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'duckfleet-replayed-'))
  store = createEfsStore(path.join(folder, 'store'))
  lossy = false
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

async function publish(text: string, replaces?: StoredFile): Promise<void> {
  const from = path.join(folder, 'finished')
  await writeFile(from, text)
  await store.publish(from, 'a.duckdb', { metadata: {}, ...(replaces ? { replaces } : {}) }, signal)
  await rm(from, { force: true })
}

const names = async (): Promise<string[]> => (await readdir(path.join(folder, 'store'))).sort()
const text = (): Promise<string> => readFile(path.join(folder, 'store', 'a.duckdb'), 'utf8')

describe('a network file system that asks again after a lost answer', () => {
  it('publishes', async () => {
    lossy = true
    await publish('new')
    expect([await text(), await names()]).toEqual(['new', ['a.duckdb']])
  })

  it('replaces a file whose WAL the new one has taken in: it does not come back beside it', async () => {
    await publish('old')
    await writeFile(path.join(folder, 'store', 'a.duckdb.wal'), 'rows')
    const { file } = await store.stat('a.duckdb', signal)
    lossy = true
    await publish('new', file)
    expect([await text(), await names()]).toEqual(['new', ['a.duckdb']])
  })
})
