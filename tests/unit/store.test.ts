import { existsSync, rmSync, writeFileSync } from 'node:fs'
import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileError } from '../../src/store/fs-errors.js'
import { createEfsStore } from '../../src/store/efs.js'
import { storeContract } from '../contracts/store.js'
import type { StoreHarness } from '../contracts/store.js'

const signal = new AbortController().signal

async function efsHarness(): Promise<StoreHarness> {
  const root = await mkdtemp(path.join(tmpdir(), 'duckfleet-store-'))
  return {
    store: createEfsStore(root),
    async put(key, bytes) {
      await mkdir(path.dirname(path.join(root, key)), { recursive: true })
      await writeFile(path.join(root, key), bytes)
    },
    get: (key) => readFile(path.join(root, key)).catch(() => undefined),
    async names() {
      const names: string[] = []
      for (const name of await readdir(root, { recursive: true })) {
        if ((await stat(path.join(root, name))).isFile()) names.push(name)
      }
      return names.sort()
    },
    dispose: () => rm(root, { recursive: true, force: true }),
  }
}

// The second one, where the machine has it, is another file system: nothing can be linked into place from there.
for (const parent of [tmpdir(), '/dev/shm'].filter((folder) => existsSync(folder))) {
  storeContract(`efs, work folder in ${parent}`, parent, efsHarness)
}

describe('efs store', () => {
  let root: string
  let outside: string
  beforeEach(async () => {
    const base = await mkdtemp(path.join(tmpdir(), 'duckfleet-store-'))
    root = path.join(base, 'root')
    outside = path.join(base, 'outside')
    await mkdir(root)
    await mkdir(outside)
  })
  afterEach(async () => {
    await rm(path.dirname(root), { recursive: true, force: true })
  })
  const publish = async (key: string): Promise<unknown> => {
    await writeFile(path.join(outside, 'finished'), 'new')
    const store = createEfsStore(root)
    return await store.publish(path.join(outside, 'finished'), key, { metadata: {} }, signal)
  }
  const replace = async (key: string): Promise<unknown> => {
    await writeFile(path.join(outside, 'finished'), 'new')
    const store = createEfsStore(root)
    const { file: replaces } = await store.stat(key, signal)
    if (replaces === undefined) throw new Error(`${key} is missing`)
    return await store.publish(path.join(outside, 'finished'), key, { metadata: {}, replaces }, signal)
  }

  it('refuses symbolic links that lead out: to a file, through a folder, and to nothing', async () => {
    await writeFile(path.join(outside, 'secret'), 'secret')
    await symlink(path.join(outside, 'secret'), path.join(root, 'file'))
    await symlink(outside, path.join(root, 'folder'))
    await symlink(path.join(outside, 'not-yet'), path.join(root, 'dangling'))
    for (const key of ['file', 'folder/secret', 'folder/new', 'dangling']) {
      await expect(createEfsStore(root).stat(key, signal), key).rejects.toMatchObject({ code: 'usage' })
      await expect(publish(key), key).rejects.toMatchObject({ code: 'usage' })
    }
    expect((await readdir(outside)).sort()).toEqual(['finished', 'secret'])
    expect(await readFile(path.join(outside, 'secret'), 'utf8')).toBe('secret')
  })

  it('replaces the file behind a link, not the link', async () => {
    await writeFile(path.join(root, 'real'), 'old')
    await symlink('real', path.join(root, 'alias'))
    await replace('alias')
    expect(await readFile(path.join(root, 'real'), 'utf8')).toBe('new')
  })

  it('tells that two names are one file', async () => {
    await writeFile(path.join(root, 'a'), 'x')
    await link(path.join(root, 'a'), path.join(root, 'b'))
    const store = createEfsStore(root)
    const [a, b] = [await store.stat('a', signal), await store.stat('b', signal)]
    expect(a.file?.identity).toBe(b.file?.identity)
  })

  it('keeps the mode of a file that it replaces', async () => {
    await writeFile(path.join(root, 'a'), 'old')
    await chmod(path.join(root, 'a'), 0o640)
    await replace('a')
    expect((await stat(path.join(root, 'a'))).mode & 0o777).toBe(0o640)
  })

  it('refuses a WAL that appears, and a source that changes, while the bytes are being written', async () => {
    await writeFile(path.join(root, 'a'), 'old')
    await writeFile(path.join(outside, 'finished'), 'new')
    const store = createEfsStore(root)
    const { file: replaces } = await store.stat('a', signal)
    if (replaces === undefined) throw new Error('a is missing')
    for (const [name, more] of [
      ['b', {}],
      ['a', { replaces }],
    ] as const) {
      const onBytes = (): void => {
        writeFileSync(path.join(root, `${name}.wal`), 'rows')
      }
      const options = { metadata: {}, onBytes, ...more }
      const publishing = store.publish(path.join(outside, 'finished'), name, options, signal)
      await expect(publishing).rejects.toThrow(/b\.wal lies at|changed meanwhile/)
      expect((await readdir(root)).sort()).toEqual(['a', `${name}.wal`])
      expect(await readFile(path.join(root, 'a'), 'utf8')).toBe('old')
      await rm(path.join(root, `${name}.wal`))
    }
  })

  it('removes unfinished files that are a day old, and no others', async () => {
    const uuid = '00000000-0000-4000-8000-00000000000'
    const stale = path.join(root, `.duckfleet-${uuid}1.tmp`)
    const young = path.join(root, `.duckfleet-${uuid}2.tmp`)
    const foreign = path.join(root, '.duckfleet-mine.tmp')
    for (const file of [stale, young, foreign]) await writeFile(file, 'half')
    const twoDaysAgo = Date.now() / 1000 - 2 * 86_400
    for (const file of [stale, foreign]) await utimes(file, twoDaysAgo, twoDaysAgo)
    await publish('a')
    expect((await readdir(root)).sort()).toEqual([path.basename(young), path.basename(foreign), 'a'].sort())
  })

  it('does not list unfinished files, nor follow links to folders', async () => {
    await writeFile(path.join(root, '.duckfleet-00000000-0000-4000-8000-000000000001.tmp'), 'half')
    await writeFile(path.join(root, 'a.duckdb'), 'x')
    await symlink('.', path.join(root, 'loop'))
    const keys: string[] = []
    for await (const { key } of createEfsStore(root).list('', signal)) keys.push(key)
    expect(keys).toEqual(['a.duckdb'])
  })

  it('lists links to folders that are not listed otherwise, so that nobody takes them for nothing', async () => {
    await mkdir(path.join(root, 'a', 'deep'), { recursive: true })
    await mkdir(path.join(root, 'b'))
    await writeFile(path.join(root, 'b', 'x.duckdb'), 'x')
    for (const [name, target] of Object.entries({ own: 'deep', loop: '..', other: '../b', out: outside }))
      await symlink(target, path.join(root, 'a', name))
    const listed = async (prefix: string): Promise<string[]> => {
      const keys: string[] = []
      for await (const { key, unfollowed } of createEfsStore(root).list(prefix, signal))
        keys.push(unfollowed === true ? `${key} ->` : key)
      return keys
    }
    expect(await listed('a/')).toEqual(['a/loop ->', 'a/other ->', 'a/out ->'])
    expect(await listed('')).toEqual(['a/out ->', 'b/x.duckdb'])
  })

  it('refuses folders and things that are no files', async () => {
    await mkdir(path.join(root, 'folder'))
    await expect(createEfsStore(root).stat('folder', signal)).rejects.toMatchObject({ code: 'usage' })
    await expect(publish('folder')).rejects.toMatchObject({ code: 'usage' })
  })

  it.each([
    ['EROFS', 'usage', 'mounted read-only'],
    ['EACCES', 'usage', 'permission denied'],
    ['ENOSPC', 'no-space', 'no space left'],
    ['ESTALE', 'transient', 'check the mount'],
    ['EWHATEVER', 'usage', 'strange'],
  ])('tells %s as %s', (code, expected, text) => {
    const error = fileError(Object.assign(new Error('strange'), { code }), 'write', '/mnt/efs/a.duckdb')
    expect(error.code).toBe(expected)
    expect(error.message).toContain('cannot write /mnt/efs/a.duckdb: ')
    expect(error.message).toContain(text)
  })
})

describe('a store where a file system is mounted', () => {
  it('writes nothing, and asks to be tried again, while the mount is missing', async () => {
    const base = await mkdtemp(path.join(tmpdir(), 'duckfleet-test-'))
    try {
      await writeFile(path.join(base, 'finished'), 'bytes')
      const root = path.join(base, 'mount')
      const store = createEfsStore(root, { mounted: true })
      const publish = (): Promise<unknown> =>
        store.publish(path.join(base, 'finished'), 'a.duckdb', { metadata: {} }, signal)
      const missing = { code: 'transient', message: expect.stringContaining('not mounted') as string }
      await expect(publish()).rejects.toMatchObject(missing)
      await expect(store.stat('a.duckdb', signal)).rejects.toMatchObject(missing)
      expect(await readdir(base)).toEqual(['finished'])
      await mkdir(root)
      await publish()
      expect(await readdir(root)).toEqual(['a.duckdb'])
    } finally {
      await rm(base, { recursive: true })
    }
  })

  it('takes no file for missing while sources are not mounted and their folder is empty', async () => {
    const root = await mkdtemp(path.join(tmpdir(), 'duckfleet-test-'))
    try {
      const store = createEfsStore(root, { mounted: true, filled: true })
      await expect(store.stat('a.duckdb', signal)).rejects.toMatchObject({
        code: 'transient',
        message: expect.stringContaining(`${root} is empty: its file system is not mounted`) as string,
      })
      await writeFile(path.join(root, 'b.duckdb'), 'x')
      expect((await store.stat('a.duckdb', signal)).file).toBeUndefined()
      await rm(path.join(root, 'b.duckdb'))
      expect((await store.stat('a.duckdb', signal)).file).toBeUndefined()
    } finally {
      await rm(root, { recursive: true })
    }
  })

  it('notices a WAL that is taken in while its database is copied', async () => {
    const root = await mkdtemp(path.join(tmpdir(), 'duckfleet-test-'))
    try {
      await writeFile(path.join(root, 'a.duckdb'), 'old')
      await writeFile(path.join(root, 'a.duckdb.wal'), 'rows')
      const store = createEfsStore(root)
      const { file: before } = await store.stat('a.duckdb', signal)
      if (before === undefined) throw new Error('there is no file')
      const onBytes = (): void => {
        rmSync(path.join(root, 'a.duckdb.wal'), { force: true })
      }
      const download = store.download('a.duckdb', before, path.join(root, 'copy'), { onBytes }, signal)
      await expect(download).rejects.toMatchObject({ code: 'transient' })
      expect(await readdir(root)).toEqual(['a.duckdb'])
    } finally {
      await rm(root, { recursive: true })
    }
  })
})
