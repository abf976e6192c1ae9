import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { InstalledEngine } from './locate.js'
import type { HostArguments } from './protocol.js'

/** Command line of an engine process. WASM reaches files only through Node, so Node's permissions confine it. */
export function hostCommand(engine: InstalledEngine, folder: string): string[] {
  const host = hostPath()
  const args: HostArguments = {
    driver: engine.driver,
    modulePath: engine.modulePath,
    root: folder,
    parent: process.pid,
  }
  const permissions = engine.driver === 'wasm' ? permissionFlags(host, engine.modulePath, folder) : []
  return ['--no-warnings', ...permissions, host, JSON.stringify(args)]
}

/** The compiled host; when this file runs from source (in tests) that is the one of the last build. */
function hostPath(): string {
  const here = fileURLToPath(import.meta.url)
  return here.endsWith('.ts')
    ? join(dirname(here), '..', '..', 'dist', 'src', 'engine', 'host.js')
    : join(dirname(here), 'host.js')
}

function permissionFlags(host: string, modulePath: string, folder: string): string[] {
  const flag = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission'
  // The code of this project and of the engine, and the folder of the job: nothing else can be read.
  const code = [packageRoot(host), outermostModules(modulePath)]
  return [
    flag,
    ...code.map((path) => `--allow-fs-read=${path}`),
    `--allow-fs-read=${join(folder, '*')}`,
    `--allow-fs-write=${join(folder, '*')}`,
  ]
}

/** `…/dist/*` of this project's own compiled code. */
function packageRoot(host: string): string {
  return join(dirname(dirname(dirname(host))), '*')
}

/** The first `node_modules` folder on the way to the package: its dependencies may be hoisted there. */
function outermostModules(modulePath: string): string {
  const parts = modulePath.split(sep)
  const at = parts.indexOf('node_modules')
  return join(at < 0 ? modulePath : parts.slice(0, at + 1).join(sep), '*')
}
