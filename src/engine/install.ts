import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { asDuckfleetError, DuckfleetError } from '../errors.js'
import { compileProgress } from './compile-progress.js'
import { explainFailure } from './install-failure.js'
import { withInstallLock } from './install-lock.js'
import { cachedModule, entryFile, locateEngine } from './locate.js'
import type { InstalledEngine } from './locate.js'
import { npmEnvironment, runNpm } from './npm.js'
import type { Environment } from './npm.js'
import { engineName } from './registry.js'
import type { EngineSpec } from './registry.js'

/** How to install. */
export interface InstallOptions {
  readonly cacheFolder: string
  /** Of this, npm and its install scripts get what they need and nothing else. */
  readonly environment: Environment
  /** Takes a line for people now and then. */
  readonly onProgress: (line: string) => void
  readonly signal: AbortSignal
  /** Bound for the whole install, milliseconds; default an hour for what may be compiled, ten minutes for the rest. */
  readonly timeoutMs?: number
}

const COMPILE_TIMEOUT_MS = 60 * 60_000
const FETCH_TIMEOUT_MS = 10 * 60_000
const LOAD_TIMEOUT_MS = 60_000
/** What one compiler process needs at most, bytes. */
const MEMORY_PER_JOB = 700_000_000

const execFileAsync = promisify(execFile)

/**
 * Makes an engine ready to run: does nothing when it is there already, else fetches it with npm into the cache
 * folder. It appears there whole or not at all, also when two processes install it at once.
 *
 * Rejects with a DuckfleetError that says what to do: no npm, network, compiler or space; `aborted` on request.
 */
export async function installEngine(engine: EngineSpec, options: InstallOptions): Promise<InstalledEngine> {
  const timeoutMs = options.timeoutMs ?? (engine.driver === 'native' ? COMPILE_TIMEOUT_MS : FETCH_TIMEOUT_MS)
  const bound = new AbortController()
  const stop = (): void => {
    bound.abort(options.signal.reason)
  }
  if (options.signal.aborted) stop()
  options.signal.addEventListener('abort', stop, { once: true })
  const timer = setTimeout(() => {
    bound.abort(tooSlow(engine, timeoutMs))
  }, timeoutMs)
  try {
    return await installLocked(engine, { ...options, signal: bound.signal })
  } catch (error) {
    const reason: unknown = bound.signal.reason
    throw reason instanceof DuckfleetError ? reason : asDuckfleetError(error)
  } finally {
    clearTimeout(timer)
    options.signal.removeEventListener('abort', stop)
  }
}

function tooSlow(engine: EngineSpec, timeoutMs: number): DuckfleetError {
  const name = engineName(engine)
  const message = `${name} was not installed within ${Math.ceil(timeoutMs / 60_000)} min; try again on a faster machine or network`
  return new DuckfleetError('transient', message)
}

async function installLocked(engine: EngineSpec, options: InstallOptions): Promise<InstalledEngine> {
  const { cacheFolder, onProgress, signal } = options
  const name = engineName(engine)
  const present = await locateEngine(engine, cacheFolder)
  if (present !== undefined) return present
  await makeCacheFolder(cacheFolder)
  const onWait = (): void => {
    onProgress(`${name}: another process is installing it, waiting`)
  }
  return await withInstallLock(join(cacheFolder, `${name}.lock`), { signal, onWait }, async () => {
    const byOther = await locateEngine(engine, cacheFolder)
    return byOther ?? (await installFresh(engine, options))
  })
}

async function makeCacheFolder(cacheFolder: string): Promise<void> {
  try {
    await mkdir(cacheFolder, { recursive: true })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new DuckfleetError('usage', `the engine folder ${cacheFolder} cannot be made: ${why}`, { cause })
  }
}

async function installFresh(engine: EngineSpec, options: InstallOptions): Promise<InstalledEngine> {
  const { cacheFolder, signal } = options
  const destination = join(cacheFolder, engineName(engine))
  const work = await mkdtemp(join(cacheFolder, `.${engineName(engine)}-`))
  try {
    await fetchInto(work, engine, options)
    await checkLoads(engine, work, signal)
    // Whatever is there by that name is not whole, or this would not run.
    await rm(destination, { recursive: true, force: true })
    await rename(work, destination)
  } finally {
    await rm(work, { recursive: true, force: true, maxRetries: 3 })
  }
  const installed = await locateEngine(engine, cacheFolder)
  if (installed !== undefined) return installed
  throw new DuckfleetError(
    'engine',
    `${engineName(engine)} is not complete after its install in ${destination}`,
  )
}

async function fetchInto(work: string, engine: EngineSpec, options: InstallOptions): Promise<void> {
  const { onProgress, signal, environment } = options
  await writeFile(join(work, 'package.json'), '{ "private": true }\n')
  const args = ['install', '--prefix', '.', '--no-audit', '--no-fund', '--no-package-lock', '--save-exact']
  // Only the old native addon has a script that matters: it fetches or compiles the addon.
  args.push(engine.driver === 'native' ? '--foreground-scripts' : '--ignore-scripts')
  args.push(`${engine.npmPackage}@${engine.npmVersion}`)
  const progress = compileProgress(engineName(engine), onProgress)
  try {
    const env = npmEnvironment(environment, compileJobs())
    const result = await runNpm(args, { folder: work, env, signal, onLine: progress.line })
    if (!result.ok) throw explainFailure(engine, result.tail)
  } finally {
    progress.stop()
  }
}

/** More compilers than memory make the machine swap, or the kernel kill one of them. */
function compileJobs(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / MEMORY_PER_JOB)))
}

/** In a process of its own, because an addon that does not fit this machine may take its process down. */
async function checkLoads(engine: EngineSpec, folder: string, signal: AbortSignal): Promise<void> {
  const entry = entryFile(engine, cachedModule(engine, folder))
  try {
    const options = { signal, timeout: LOAD_TIMEOUT_MS, env: {}, maxBuffer: 1_000_000 }
    await execFileAsync(process.execPath, ['-e', 'require(process.argv[1])', entry], options)
  } catch (cause) {
    if (signal.aborted) throw new DuckfleetError('aborted', 'stopped on request', { cause })
    const text = cause instanceof Error ? cause.message : String(cause)
    const why = /^\w*Error: .*$/m.exec(text)?.[0] ?? text.slice(0, 300)
    const message = `${engineName(engine)} was fetched but does not load with Node ${process.version} here: ${why}`
    throw new DuckfleetError('engine', message, { cause })
  }
}
