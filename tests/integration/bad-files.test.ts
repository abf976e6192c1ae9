import { execFile } from 'node:child_process'
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JobReport } from '../../src/fleet/report.js'
import { type CliResult, jobReports, runCli } from '../support/cli.js'
import { fixture } from '../support/fixtures.js'
import { craftHeader } from '../unit/craft-header.js'

const HEADERS = 3 * 4096
const BLOCK = 262_144
const MOST_MS = 10_000

/** Name, what the one line must say, and how the file is made. */
interface BadFile {
  readonly name: string
  readonly says: RegExp
  readonly make: (path: string) => Promise<unknown>
}

const old = async (release: string, name: string): Promise<string> =>
  join(await fixture('conformance'), release, `${name}.duckdb`)

/** A copy that ends before its last `blocks` blocks of data. */
function truncated(release: string, keep: (size: number) => number): BadFile['make'] {
  return async (path) => {
    const bytes = await readFile(await old(release, 'rows_300k'))
    await writeFile(path, bytes.subarray(0, keep(bytes.length)))
  }
}

const BAD: readonly BadFile[] = [
  { name: 'empty', says: /an empty file \(0 bytes\)/, make: (path) => writeFile(path, '') },
  {
    name: 'three-bytes',
    says: /too short for a database \(3 bytes\)/,
    make: (path) => writeFile(path, 'abc'),
  },
  { name: 'text', says: /a text file/, make: (path) => writeFile(path, 'id,name\n'.repeat(1000)) },
  {
    name: 'zeros',
    says: /nothing but zeros/,
    make: (path) => writeFile(path, Buffer.alloc(HEADERS + BLOCK)),
  },
  { name: 'noise', says: /a file of an unknown kind/, make: (path) => writeFile(path, noise(50_000)) },
  { name: 'parquet', says: /a Parquet file/, make: (path) => writeParquet(path) },
  {
    name: 'sqlite',
    says: /an SQLite database/,
    make: (path) => writeFile(path, Buffer.from(`SQLite format 3\0${' '.repeat(5000)}`)),
  },
  {
    name: 'version-0',
    says: /storage version 0/,
    make: (path) => writeFile(path, craftHeader({ version: 0 })),
  },
  {
    name: 'version-9999',
    says: /storage version 9999.*newer/,
    make: (path) => writeFile(path, craftHeader({ version: 9999 })),
  },
  {
    name: 'version-1',
    says: /storage version 1\b/,
    make: (path) => writeFile(path, craftHeader({ version: 1 })),
  },
  { name: 'encrypted', says: /encrypted: decrypt it/, make: (path) => writeEncrypted(path) },
  {
    name: 'header-only',
    says: /damaged: it is cut off after 12,288 bytes/,
    make: truncated('0.8.1', () => HEADERS),
  },
  {
    name: 'half-a-header',
    says: /damaged: it is cut off after 6,000 bytes/,
    make: truncated('0.7.1', () => 6000),
  },
  ...['0.6.1', '0.7.1', '0.8.1', '1.4.4'].flatMap((release): BadFile[] => [
    {
      name: `half-${release}`,
      says: /damaged|cannot be read|cut off/,
      make: truncated(release, (size) => Math.floor(size / 2)),
    },
    {
      name: `less-a-block-${release}`,
      says: /damaged|cannot be read|cut off/,
      make: truncated(release, (size) => size - BLOCK),
    },
    {
      name: `less-a-byte-${release}`,
      says: /damaged|cannot be read|cut off/,
      make: truncated(release, (size) => size - 1),
    },
  ]),
  {
    name: 'link-to-nothing',
    says: /a symbolic link to nothing/,
    make: (path) => symlink('/nowhere/at/all', path),
  },
  {
    name: 'link-to-itself',
    says: /symbolic links go round in a circle/,
    make: (path) => symlink(path, path),
  },
  { name: 'link-out', says: /leaves its root/, make: (path) => symlink('/etc/passwd', path) },
  { name: 'pipe', says: /not a regular file/, make: (path) => promisify(execFile)('mkfifo', [path]) },
  {
    name: 'unreadable',
    says: /permission denied/,
    make: (path) => writeFile(path, craftHeader({ version: 51 }), { mode: 0 }),
  },
]

const GOOD = ['good-0.6.1', 'good-1.4.4']

let folder: string
let result: CliResult
let reports: ReadonlyMap<string, JobReport>
let workDir: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duckfleet-bad-'))
  const source = join(folder, 'source')
  const dest = join(folder, 'dest')
  workDir = join(folder, 'work')
  for (const made of [source, dest, workDir]) await mkdir(made)
  for (const { name, make } of BAD) await make(join(source, `${name}.duckdb`))
  for (const name of GOOD) await copyFile(await old(name.slice(5), 'nested'), join(source, `${name}.duckdb`))
  // A folder of that name is one to look into.
  await mkdir(join(source, 'folder.duckdb'))
  await copyFile(await old('0.7.1', 'nested'), join(source, 'folder.duckdb', 'inside.duckdb'))
  for (const open of [folder, dest, workDir]) await chmod(open, 0o777)
  // Root may read everything, so the command runs as somebody else.
  const wrapper =
    process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : []
  result = await runCli(['upgrade', source, dest, '--json', '--to', '1.5.6', '--jobs', '2'], {
    workDir,
    wrapper,
  })
  reports = new Map(
    jobReports(result).map((report) => [
      report.source.slice(source.length + 1).replace(/\.duckdb$/, ''),
      report,
    ]),
  )
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

function noise(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, i) => (i * 7919 + (i >> 3) * 104_729) & 0xff))
}

async function run(...statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  for (const statement of statements) await connection.run(statement)
  connection.closeSync()
  instance.closeSync()
}

async function writeParquet(path: string): Promise<void> {
  await run(`COPY (SELECT 1 AS a) TO '${path}' (FORMAT PARQUET)`)
}

async function writeEncrypted(path: string): Promise<void> {
  await run(
    `SET force_mbedtls_unsafe = 'true'`,
    `ATTACH '${path}' AS locked (ENCRYPTION_KEY 'key', STORAGE_VERSION 'v1.4.0')`,
    'CREATE TABLE locked.secrets AS SELECT 1 AS a',
    'CHECKPOINT locked',
  )
}

describe('a folder with bad files among good ones', () => {
  it('ends with status 1, one report a file, and nothing of a stack on stderr', () => {
    expect(result.code).toBe(1)
    expect([...reports.keys()].sort()).toEqual(
      [...BAD.map(({ name }) => name), ...GOOD, 'folder.duckdb/inside'].sort(),
    )
    expect(result.stderr).not.toMatch(/^\s+at /m)
  })

  it.each(BAD)('says in one line what $name is, in time', ({ name, says }) => {
    const report = reports.get(name)
    expect(report?.error?.message).toMatch(says)
    expect(report?.error?.message).not.toContain('\n')
    expect(report?.outcome).toMatch(/^(failed|skipped)$/)
    expect(report?.ms.total).toBeLessThan(MOST_MS)
    const lines = result.stderr.split('\n').filter((line) => line.includes(`${name}.duckdb`))
    expect(lines).toHaveLength(1)
  })

  it('does the good ones', async () => {
    for (const name of [...GOOD, 'folder.duckdb/inside']) expect(reports.get(name)?.error).toBeNull()
    expect((await readdir(join(folder, 'dest'))).sort()).toEqual(
      ['folder.duckdb', ...GOOD.map((name) => `${name}.duckdb`)].sort(),
    )
  })

  it('leaves nothing in the work folder', async () => {
    expect(await readdir(workDir)).toEqual([])
  })
})

describe('a single bad file', () => {
  it.each(['text', 'half-0.8.1', 'less-a-byte-1.4.4'])(
    'ends with status 1 and one line: %s',
    async (name) => {
      const source = join(folder, 'source', `${name}.duckdb`)
      const dest = join(folder, `alone-${name}.duckdb`)
      const { code, stderr } = await runCli(['upgrade', source, dest, '--json', '--to', '1.5.6'], { workDir })
      expect(code).toBe(1)
      expect(stderr.trimEnd().split('\n')).toHaveLength(1)
      await expect(truncate(dest)).rejects.toMatchObject({ code: 'ENOENT' })
    },
  )
})
