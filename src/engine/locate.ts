import { access, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { posix, win32, join } from 'node:path'
import { engineName, ENGINES } from './registry.js'
import type { Driver, EngineSpec } from './registry.js'

/** An engine that is ready to run on this machine. */
export type InstalledEngine = EngineSpec & {
  /** Absolute path of the package's folder. */
  readonly modulePath: string
  /** Came with duckfleet itself, not from the cache folder. */
  readonly bundled: boolean
}

/** Relative to the package: the file that is there only when the package is whole. */
const ENTRY: Readonly<Record<Driver, string>> = {
  wasm: 'dist/duckdb-node-blocking.cjs',
  native: 'lib/binding/duckdb.node',
  neo: 'lib/index.js',
}

/**
 * Where engines are kept when nobody says otherwise: the user's cache folder on this platform.
 * @param env environment variables.
 * @param platform such as `process.platform`.
 * @param homedir the user's home folder, absolute.
 */
export function defaultCacheFolder(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
  homedir: string,
): string {
  const paths = platform === 'win32' ? win32 : posix
  const tail = ['duckfleet', 'engines']
  const xdg = env['XDG_CACHE_HOME']
  // The XDG specification says that a relative path is to be ignored.
  if (xdg !== undefined && paths.isAbsolute(xdg)) return paths.join(xdg, ...tail)
  if (platform === 'win32')
    return paths.join(env['LOCALAPPDATA'] ?? paths.join(homedir, 'AppData', 'Local'), ...tail)
  if (platform === 'darwin') return paths.join(homedir, 'Library', 'Caches', ...tail)
  return paths.join(homedir, '.cache', ...tail)
}

/** Every engine that can run here, oldest release first: those that came with duckfleet and those in the cache folder. */
export async function locateEngines(cacheFolder: string): Promise<InstalledEngine[]> {
  const found = await Promise.all(ENGINES.map((engine) => locateEngine(engine, cacheFolder)))
  return found.filter((engine) => engine !== undefined)
}

/** One engine, if it can run here. */
export async function locateEngine(
  engine: EngineSpec,
  cacheFolder: string,
): Promise<InstalledEngine | undefined> {
  for (const modulePath of bundledFolders(engine)) {
    if (await isComplete(engine, modulePath)) return { ...engine, modulePath, bundled: true }
  }
  const modulePath = cachedModule(engine, join(cacheFolder, engineName(engine)))
  return (await isComplete(engine, modulePath)) ? { ...engine, modulePath, bundled: false } : undefined
}

/** The package's folder inside a folder of the cache. */
export function cachedModule(engine: EngineSpec, folder: string): string {
  return join(folder, 'node_modules', ...engine.npmPackage.split('/'))
}

/** What `require` loads to start the engine, absolute. */
export function entryFile({ driver }: EngineSpec, modulePath: string): string {
  return driver === 'native' ? join(modulePath, 'lib', 'duckdb.js') : join(modulePath, ENTRY[driver])
}

/** The `node_modules` that Node itself would search, without asking the package's `exports`. */
function bundledFolders(engine: EngineSpec): string[] {
  if (engine.bundledAs === undefined) return []
  const segments = engine.bundledAs.split('/')
  const folders = createRequire(import.meta.url).resolve.paths(engine.bundledAs) ?? []
  return folders.map((folder) => join(folder, ...segments))
}

/** A package of another version, as a different dependency may have put there, is another engine. */
async function isComplete(engine: EngineSpec, modulePath: string): Promise<boolean> {
  try {
    await access(join(modulePath, ENTRY[engine.driver]))
    const manifest: unknown = JSON.parse(await readFile(join(modulePath, 'package.json'), 'utf8'))
    return isRecord(manifest) && manifest['version'] === engine.npmVersion
  } catch {
    return false
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
