import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { inspectCommand } from '../../src/cli/inspect.js'
import { craftHeader } from './craft-header.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duckfleet-inspect-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

async function run(...args: string[]): Promise<{ out: string[]; err: string[]; code: number }> {
  const result = { out: [] as string[], err: [] as string[], code: 0 }
  const command = inspectCommand({
    io: { out: (line) => result.out.push(line), err: (line) => result.err.push(line), isTTY: false },
    signal: new AbortController().signal,
    setExitCode: (code) => {
      result.code = code
    },
  })
  await command.parseAsync(args, { from: 'user' })
  return result
}

async function put(name: string, bytes: Buffer | string): Promise<string> {
  const path = join(folder, name)
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, bytes)
  return path
}

describe('inspect', () => {
  it('prints a line for a file, with its WAL', async () => {
    const file = await put('a.duckdb', craftHeader({ version: 51 }))
    await put('a.duckdb.wal', Buffer.alloc(1234))
    expect(await run(file)).toEqual({
      out: [`${file}: storage version 51 (DuckDB 0.8), 12,288 bytes, WAL of 1,234 bytes beside it`],
      err: [],
      code: 0,
    })
  })

  it('prints every key in JSON', async () => {
    const bytes = craftHeader({ version: 66, writer: 'v1.4.4', second: { iteration: 3, level: 5 } })
    const file = await put('a.duckdb', bytes)
    const { out, code } = await run('--json', file)
    expect(code).toBe(0)
    expect(out.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        file,
        storageVersion: 66,
        releases: '1.3',
        writer: '1.4.4',
        serializationLevel: 5,
        encrypted: false,
        wal: null,
        size: 12_288,
        error: null,
      },
    ])
  })

  it('walks folders for *.duckdb and goes on after a bad file', async () => {
    const good = await put('deep/er/good.duckdb', craftHeader({ version: 39 }))
    const bad = await put('bad.duckdb', 'this is some text and no database\n')
    await put('other.txt', 'not looked at')
    await symlink(folder, join(folder, 'deep', 'loop.duckdb'))
    expect(await run(folder)).toEqual({
      out: [`${good}: storage version 39 (DuckDB 0.6), 12,288 bytes`],
      err: [`${bad} is not a DuckDB database: it is a text file`],
      code: 1,
    })
  })

  it('tells when a folder holds none', async () => {
    await put('x.db', '')
    expect(await run(folder)).toEqual({
      out: [],
      err: [`${folder}: no *.duckdb file in this folder`],
      code: 0,
    })
  })

  it.each([
    ['empty', Buffer.alloc(0), 'unreadable', 'an empty file (0 bytes)'],
    ['cut', craftHeader({ version: 64 }).subarray(0, 4096), 'corrupt', 'cut off after 4,096 bytes'],
    ['unknown', craftHeader({ version: 9999 }), 'unreadable', 'no engine opens storage version 9999'],
    ['encrypted', craftHeader({ version: 67, encrypted: true }), 'unreadable', 'the database is encrypted'],
    ['too-old', craftHeader({ version: 25 }), 'unreadable', 'upgrade it to 0.4 or later'],
  ])('of a file that is %s says so', async (name, bytes, code, text) => {
    const file = await put(`${name}.duckdb`, bytes)
    const result = await run('--json', file)
    expect(result.code).toBe(1)
    const [line = ''] = result.out
    const message = expect.stringContaining(text) as string
    expect(JSON.parse(line)).toMatchObject({ file, size: bytes.length, error: { code, message } })
    expect((await run(file)).err).toEqual([expect.stringContaining(text)])
  })

  it('knows what an encrypted or damaged file says of itself', async () => {
    const file = await put('a.duckdb', craftHeader({ version: 67, writer: 'v1.4.4', encrypted: true }))
    const [line = ''] = (await run('--json', file)).out
    expect(JSON.parse(line)).toMatchObject({ storageVersion: 67, writer: '1.4.4', encrypted: true })
  })

  it('of a file that is not there says so', async () => {
    const file = join(folder, 'none.duckdb')
    expect(await run(file)).toEqual({ out: [], err: [`${file} does not exist; check the path`], code: 1 })
  })

  it('does not wait for a pipe', async () => {
    const pipe = join(folder, 'pipe.duckdb')
    execFileSync('mkfifo', [pipe])
    expect((await run(pipe)).err).toEqual([`${pipe} is not a regular file`])
  })

  it('stops when asked to', async () => {
    const file = await put('a.duckdb', craftHeader({ version: 51 }))
    const io = { out: () => undefined, err: () => undefined, isTTY: false }
    const command = inspectCommand({ io, signal: AbortSignal.abort(), setExitCode: () => undefined })
    await expect(command.parseAsync([file], { from: 'user' })).rejects.toMatchObject({ code: 'aborted' })
  })

  it('leaves the file as it is', async () => {
    const bytes = craftHeader({ version: 51 })
    const file = await put('a.duckdb', bytes)
    const before = await stat(file)
    expect((await run(file)).code).toBe(0)
    expect(await readFile(file)).toEqual(bytes)
    expect((await stat(file)).mtimeMs).toBe(before.mtimeMs)
    expect(await readdir(folder)).toEqual(['a.duckdb'])
  })
})
