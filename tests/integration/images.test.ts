import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { jobReports, PROJECT } from '../support/cli.js'
import { engineFolder, ensureEngine, INSTALL_TIMEOUT_MS } from '../support/engines.js'
import { fixture } from '../support/fixtures.js'
import { createImage, type Image, imageScript } from '../support/image.js'
import { IMAGE_USER } from '../support/read-only-root.js'

const run = promisify(execFile)
const CLI = '/app/dist/src/cli/main.js'
const MB = 1_000_000
const ENTRIES = [
  'consumers/small.js',
  'consumers/big.js',
  ...['s3-s3', 'efs-efs', 's3-efs', 'efs-s3'].map((route) => `publishers/migrate-duckdb-${route}.js`),
]

let image: Image
beforeAll(async () => {
  image = await createImage()
})
afterAll(async () => {
  await image.dispose()
})

const lockFile = z.object({
  packages: z.record(
    z.string(),
    z.object({ dev: z.boolean().optional(), os: z.array(z.string()).optional() }),
  ),
})

/** Folders of the packages that the lock file names, of production or of development only. */
async function locked(dev: boolean): Promise<string[]> {
  const text = await readFile(path.join(PROJECT, 'package-lock.json'), 'utf8')
  const { packages } = lockFile.parse(JSON.parse(text))
  return Object.entries(packages)
    .filter(([name, entry]) => name !== '' && (entry.dev ?? false) === dev)
    .map(([name]) => name)
}

/** `node_modules/a/node_modules/@b/c` and the like, for every package in the tree. */
async function packagesIn(root: string): Promise<string[]> {
  const files = await readdir(root, { recursive: true })
  return files
    .filter((name) => /(^|\/)node_modules\/(@[^/]+\/)?[^/@]+\/package\.json$/.test(name))
    .map((name) => path.dirname(name))
}

describe('the tree of the images', () => {
  it('is small', async () => {
    const entries = await run('du', ['--summarize', '--block-size=1', image.tree])
    const bytes = Number(entries.stdout.split('\t')[0])
    expect(bytes).toBeGreaterThan(100 * MB)
    expect(bytes).toBeLessThan(200 * MB)
  })

  it('holds the compiled code and packages of production, and nothing else', async () => {
    expect((await readdir(image.tree)).sort()).toEqual(['LICENSE', 'dist', 'node_modules', 'package.json'])
    const parts = await readdir(path.join(image.tree, 'dist'))
    expect(parts.sort()).toEqual(['consumers', 'publishers', 'src'])
    const production = await locked(false)
    const found = await packagesIn(image.tree)
    expect(found.length).toBeGreaterThan(50)
    expect(found.filter((name) => !production.includes(name))).toEqual([])
  })

  it('misses no package of production that is installed, but types', async () => {
    const installed = await packagesIn(PROJECT)
    const production = await locked(false)
    const found = await packagesIn(image.tree)
    const missing = production.filter((name) => installed.includes(name) && !found.includes(name))
    expect(missing.filter((name) => !name.includes('node_modules/@types/'))).toEqual([])
  })

  it('holds no package of development, no maps, no types and no links', async () => {
    const development = await locked(true)
    const entries = await readdir(image.tree, { recursive: true, withFileTypes: true })
    const names = entries.map((entry) => path.relative(image.tree, path.join(entry.parentPath, entry.name)))
    expect(names.filter((name) => development.includes(name))).toEqual([])
    expect(names.filter((name) => /\.(map|[cm]?ts|md)$/.test(name))).toEqual([])
    expect(entries.filter((entry) => !entry.isFile() && !entry.isDirectory())).toEqual([])
  })

  it('holds of each old engine the two files that run, and of the new one the binding of this platform', async () => {
    const engines = await readdir(path.join(image.tree, 'node_modules'))
    const wasm = engines.filter((name) => name.startsWith('duckdb-wasm-'))
    expect(wasm).toHaveLength(3)
    for (const name of wasm)
      expect((await readdir(path.join(image.tree, 'node_modules', name, 'dist'))).sort()).toEqual([
        'duckdb-eh.wasm',
        'duckdb-node-blocking.cjs',
      ])
    const bindings = (await readdir(path.join(image.tree, 'node_modules', '@duckdb'))).sort()
    const platform = `node-bindings-${process.platform}-${process.arch}`
    expect(bindings).toEqual(['node-api', 'node-bindings', platform])
  })

  it('loads every package that duckfleet names', async () => {
    const manifest = await readFile(path.join(image.tree, 'package.json'), 'utf8')
    const { dependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(manifest))
    // The old engines are loaded by path, when files are upgraded.
    const names = Object.keys(dependencies).filter((name) => !name.startsWith('duckdb-wasm-'))
    expect(names.length).toBeGreaterThan(5)
    const script = `for (const name of ${JSON.stringify(names)}) await import(name)`
    await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: image.tree })
  })

  it('is not made over something that is there', async () => {
    await expect(imageScript('tree.sh', [image.tree])).rejects.toThrow('is not empty')
  })
})

describe('in a root that cannot be written, as a user without rights', () => {
  beforeEach(async () => {
    await image.fill(await fixture('trackers'))
  })

  it('nothing but the work folder and /tmp can be written', async () => {
    const probe = `
      const fs = require('node:fs')
      const result = {}
      for (const folder of ['/', '/app', '/app/dist', '/etc', '/usr', '/batch_download', '/tmp']) {
        try { fs.writeFileSync(folder + '/probe', ''); result[folder] = true } catch { result[folder] = false }
      }
      console.log(JSON.stringify({ user: process.getuid(), groups: process.getgroups(), result }))`
    const { stdout } = await image.node(['-e', probe])
    const expected = { '/': false, '/app': false, '/app/dist': false, '/etc': false, '/usr': false }
    expect(JSON.parse(stdout)).toMatchObject({
      user: process.getuid?.() === 0 ? IMAGE_USER : 0,
      result: { ...expected, '/batch_download': true, '/tmp': true },
    })
  })

  it.each(ENTRIES)('%s starts', async (entry) => {
    const command = entry.startsWith('consumers') ? 'consume' : 'publish'
    const { stdout } = await image.node([`/app/dist/${entry}`, '--help'])
    expect(stdout).toContain(`Usage: duckfleet ${command}`)
  })

  it('the engines that come with duckfleet are there', async () => {
    const { stdout } = await image.node([CLI, 'engines', 'list'])
    const bundled = [...stdout.matchAll(/│ (\S+) +│ (\S+) +│[^│]*│[^│]*│ bundled/g)].map(
      ([, release, driver]) => `${driver ?? ''} ${release ?? ''}`,
    )
    expect(bundled).toEqual(['wasm 0.6.1', 'wasm 0.7.1', 'wasm 0.8.1', 'neo 1.5.6'])
  })

  it('files of 0.6, 0.7 and 0.8 are upgraded and verified, and no work folder stays', async () => {
    const result = await image.node([CLI, 'upgrade', '/batch_download/old', '/batch_download/new', '--json'])
    const reports = jobReports(result)
    expect(reports.map(({ outcome }) => outcome)).toEqual(Array(5).fill('migrated'))
    expect([...new Set(reports.map(({ from }) => from?.release))].sort()).toEqual(['0.6', '0.7', '0.8'])
    expect((await readdir(image.work)).sort()).toEqual(['new', 'old'])
  })

  it('a native old engine writes, when what built it is gone', { timeout: INSTALL_TIMEOUT_MS }, async () => {
    await ensureEngine('native:0.8.1')
    const engines = path.join(image.folder, 'engines')
    await cp(path.join(engineFolder, 'native-0.8.1'), path.join(engines, 'native-0.8.1'), { recursive: true })
    await imageScript('engines.sh', [engines, 'native:0.8.1'])
    const { stdout } = await run('du', ['--summarize', '--block-size=1', engines])
    expect(Number(stdout.split('\t')[0])).toBeLessThan(80 * MB)
    const site = '/batch_download/old/perform-dev-raw/56'
    const result = await image.node(
      [CLI, 'upgrade', '--to', '0.8.1', site, '/batch_download/new', '--json'],
      { engines },
    )
    const reports = jobReports(result)
    expect(reports.map(({ outcome, to }) => [outcome, to])).toEqual(Array(4).fill(['migrated', '0.8.1']))
  })
})

it('an image needs no native engine', async () => {
  const engines = await mkdtemp(path.join(image.folder, 'engines-'))
  await imageScript('engines.sh', [engines])
  expect(await readdir(engines)).toEqual([])
})
