import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readlink, rm, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { enginesCommand } from '../../src/cli/engines.js'
import { installEngine } from '../../src/engine/install.js'
import type { InstallOptions } from '../../src/engine/install.js'
import { locateEngine, locateEngines } from '../../src/engine/locate.js'
import { engineName, ENGINES, findEngine } from '../../src/engine/registry.js'

const exec = promisify(execFile)
const WASM_05 = findEngine('wasm:0.5.1')
const BUNDLED = ['wasm-0.6.1', 'wasm-0.7.1', 'wasm-0.8.1', 'neo-1.5.6']

let cacheFolder: string
let lines: string[]
beforeEach(() => {
  lines = []
})

function options(changes: Partial<InstallOptions> = {}): InstallOptions {
  return {
    cacheFolder,
    environment: process.env,
    onProgress: (line) => lines.push(line),
    signal: new AbortController().signal,
    ...changes,
  }
}

async function run(...args: string[]): Promise<{ out: string[]; err: string[]; code: number }> {
  const result = { out: [] as string[], err: [] as string[], code: 0 }
  const command = enginesCommand(
    {
      io: { out: (line) => result.out.push(line), err: (line) => result.err.push(line), isTTY: false },
      signal: new AbortController().signal,
      setExitCode: (code) => {
        result.code = code
      },
    },
    { cacheFolder, environment: process.env },
  )
  await command.parseAsync(args, { from: 'user' })
  return result
}

describe('engines from the registry', () => {
  beforeAll(async () => {
    cacheFolder = join(await mkdtemp(join(tmpdir(), 'duckfleet-engines-')), 'made', 'on', 'demand')
  })
  afterAll(async () => {
    await rm(join(cacheFolder, '..', '..', '..'), { recursive: true })
  })

  it('are the bundled ones at first', async () => {
    const found = await locateEngines(cacheFolder)
    expect(found.map(engineName)).toEqual(BUNDLED)
    expect(found.every((engine) => engine.bundled)).toBe(true)
  })

  it('install once although two ask for the same at once, and work then', async () => {
    const [first, second] = await Promise.all([
      installEngine(WASM_05, options()),
      installEngine(WASM_05, options()),
    ])
    expect(first).toEqual(second)
    expect(first).toMatchObject({ release: '0.5.1', driver: 'wasm', bundled: false })
    expect(lines.filter((line) => line.endsWith('installing with npm'))).toHaveLength(1)
    expect(lines).toContain('wasm-0.5.1: another process is installing it, waiting')
    expect(await readdir(cacheFolder)).toEqual(['wasm-0.5.1'])
    expect((await locateEngines(cacheFolder)).map(engineName)).toContain('wasm-0.5.1')
    const script =
      'console.log(typeof require(process.argv[1] + "/dist/duckdb-node-blocking.cjs").createDuckDB)'
    expect((await exec(process.execPath, ['-e', script, first.modulePath])).stdout).toBe('function\n')
  })

  it('install by command, several at once, those that are there at no cost', async () => {
    const result = await run('install', 'wasm:0.8.1', '1.4.4')
    expect(result.code).toBe(0)
    expect(result.out).toEqual([
      expect.stringMatching(/^wasm-0\.8\.1: comes with duckfleet \(.*duckdb-wasm-0\.8\)$/),
      `neo-1.4.4: installed (${join(cacheFolder, 'neo-1.4.4', 'node_modules', '@duckdb', 'node-api')})`,
    ])
    const script =
      'require(process.argv[1]).DuckDBInstance.create(":memory:").then((i) => i.connect())' +
      '.then((c) => c.runAndReadAll("SELECT version()")).then((r) => console.log(r.getRows()[0][0]))'
    const engine = await locateEngine(findEngine('1.4.4'), cacheFolder)
    expect((await exec(process.execPath, ['-e', script, engine?.modulePath ?? ''])).stdout).toBe('v1.4.4\n')
  })

  it('are listed with what is installed', async () => {
    const { out } = await run('list', '--json')
    expect(out).toHaveLength(ENGINES.length)
    const rows = out.map(
      (line) => JSON.parse(line) as { driver: string; release: string; installed: boolean },
    )
    const installed = rows.filter((row) => row.installed).map((row) => `${row.driver}-${row.release}`)
    expect(installed.sort()).toEqual([...BUNDLED, 'neo-1.4.4', 'wasm-0.5.1'].sort())
    const table = (await run('list')).out.join('\n')
    expect(table).toMatch(/0\.8\.1 +│ wasm +│ 51 +│ no +│ bundled +│ wasm:0\.8\.1/)
    expect(table).toMatch(/0\.8\.1 +│ native +│ 51 +│ yes +│ no +│ 0\.8\.1/)
    expect(table).toMatch(/1\.4\.4 +│ neo +│ 64 – 67 +│ yes +│ yes +│ 1\.4\.4/)
  })
})

describe('an install that cannot be done', () => {
  beforeEach(async () => {
    cacheFolder = await mkdtemp(join(tmpdir(), 'duckfleet-engines-'))
  })
  afterEach(async () => {
    await rm(cacheFolder, { recursive: true })
  })

  /** No registry answers there, and npm does not try for long. */
  const offline = {
    ...process.env,
    npm_config_registry: 'http://127.0.0.1:9/',
    npm_config_fetch_retries: '0',
  }
  const uncached = (): NodeJS.ProcessEnv => ({ ...offline, npm_config_cache: join(cacheFolder, 'npm-cache') })

  it('for want of a network says so and leaves nothing', async () => {
    await expect(installEngine(WASM_05, options({ environment: uncached() }))).rejects.toMatchObject({
      code: 'transient',
      message: expect.stringContaining('the npm registry cannot be reached') as string,
    })
    expect(await readdir(cacheFolder)).toEqual(['npm-cache'])
  })

  it('for want of npm says so', async () => {
    await expect(
      installEngine(WASM_05, options({ environment: { PATH: cacheFolder } })),
    ).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('npm was not found') as string,
    })
    expect(await readdir(cacheFolder)).toEqual([])
  })

  it('is one of many: the others are done, and the status says it', async () => {
    await writeFile(join(cacheFolder, 'file'), '')
    const folder = cacheFolder
    cacheFolder = join(folder, 'file', 'below')
    const result = await run('install', '0.5.1', 'wasm:0.7.1')
    cacheFolder = folder
    expect(result.code).toBe(1)
    expect(result.err).toEqual([expect.stringContaining('cannot be made')])
    expect(result.out).toEqual([expect.stringContaining('wasm-0.7.1: comes with duckfleet')])
  })

  it('is never seen as installed, and gives way to a whole one', async () => {
    const half = join(cacheFolder, 'wasm-0.5.1', 'node_modules', '@duckdb', 'duckdb-wasm')
    await mkdir(half, { recursive: true })
    await writeFile(join(half, 'package.json'), JSON.stringify({ version: WASM_05.npmVersion }))
    expect(await locateEngine(WASM_05, cacheFolder)).toBeUndefined()
    expect(await installEngine(WASM_05, options())).toMatchObject({ modulePath: half })
  })

  it('is not waited for when its process died', async () => {
    const lock = join(cacheFolder, 'wasm-0.5.1.lock')
    await writeFile(lock, '')
    const longAgo = new Date(Date.now() - 3_600_000)
    await utimes(lock, longAgo, longAgo)
    expect(await installEngine(WASM_05, options())).toMatchObject({ release: '0.5.1' })
    expect(await readdir(cacheFolder)).toEqual(['wasm-0.5.1'])
  })

  describe('because the registry never answers', () => {
    let silent: Server
    let environment: NodeJS.ProcessEnv
    beforeEach(async () => {
      silent = createServer().listen(0, '127.0.0.1')
      await once(silent, 'listening')
      const { port } = silent.address() as AddressInfo
      environment = { ...uncached(), npm_config_registry: `http://127.0.0.1:${port}/` }
    })
    afterEach(() => {
      silent.close()
    })

    it('stops on request, with npm', async () => {
      const stop = new AbortController()
      const installing = installEngine(WASM_05, options({ environment, signal: stop.signal }))
      const outcome = expect(installing).rejects.toMatchObject({ code: 'aborted' })
      await once(silent, 'connection')
      expect(await processesIn(cacheFolder)).not.toEqual([])
      stop.abort()
      await outcome
      expect(await processesIn(cacheFolder)).toEqual([])
      expect(await readdir(cacheFolder)).toEqual(['npm-cache'])
    })

    it('is given up after its time', async () => {
      const outcome = installEngine(WASM_05, options({ environment, timeoutMs: 1_000 }))
      await expect(outcome).rejects.toMatchObject({
        code: 'transient',
        message: expect.stringContaining('wasm-0.5.1 was not installed within 1 min') as string,
      })
      expect(await processesIn(cacheFolder)).toEqual([])
      expect(await readdir(cacheFolder)).toEqual(['npm-cache'])
    })
  })

  it('stops on request while another process has the lock', async () => {
    await writeFile(join(cacheFolder, 'wasm-0.5.1.lock'), '')
    const stop = new AbortController()
    const onProgress = (line: string): void => {
      lines.push(line)
      stop.abort()
    }
    const outcome = installEngine(WASM_05, options({ onProgress, signal: stop.signal }))
    await expect(outcome).rejects.toMatchObject({ code: 'aborted' })
    expect(lines).toEqual(['wasm-0.5.1: another process is installing it, waiting'])
    expect(await readdir(cacheFolder)).toEqual(['wasm-0.5.1.lock'])
  })
})

/** Ids of the processes that work in a folder or below it. */
async function processesIn(folder: string): Promise<string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const folders = await Promise.all(ids.map((id) => readlink(`/proc/${id}/cwd`).catch(() => '')))
  return ids.filter((_, i) => folders[i]?.startsWith(folder))
}
