import { readConfig } from '../../src/config.js'
import { installEngine } from '../../src/engine/install.js'
import { type InstalledEngine, locateEngines } from '../../src/engine/locate.js'
import { findEngine } from '../../src/engine/registry.js'

/** Where this machine keeps engines. */
export const engineFolder = readConfig().enginesFolder

/** Longer than compiling an old native engine takes. */
export const INSTALL_TIMEOUT_MS = 40 * 60_000

/** The engine that `native:0.8.1` and the like name; where it is missing it is installed, which may compile it. */
export async function ensureEngine(name: string): Promise<InstalledEngine> {
  return await installEngine(findEngine(name), {
    cacheFolder: engineFolder,
    environment: process.env,
    onProgress: (line) => process.stderr.write(`${line}\n`),
    signal: AbortSignal.timeout(INSTALL_TIMEOUT_MS),
  })
}

/** Every engine that is installed. */
export async function installedEngines(): Promise<InstalledEngine[]> {
  return await locateEngines(engineFolder)
}
