import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { throwIfAborted } from '../abort.js'
import { DuckfleetError } from '../errors.js'

/** Environment variables by name, as the caller read them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** How an npm run ended. */
export interface NpmResult {
  readonly ok: boolean
  /** The last lines of both outputs, at most {@link TAIL_LINES}. */
  readonly tail: readonly string[]
}

const TAIL_LINES = 60
const LINE_LENGTH = 500
const TERM_GRACE_MS = 3_000

/** npm, the compiler and a proxy need these. The rest stays out: install scripts are other people's code. */
const PASSED_ON =
  /^(path|home|user|logname|shell|lang|lc_.*|tmp|temp|tmpdir|xdg_.*|npm_config_.*|.*_proxy|node_extra_ca_certs|ssl_cert_(file|dir)|cc|cxx|ar|cflags|cxxflags|ldflags|python|systemroot|windir|comspec|pathext|appdata|localappdata|userprofile|programfiles.*|programdata)$/i

/** The part of the environment that npm and its install scripts get to see. */
export function npmEnvironment(env: Environment, jobs: number): Record<string, string> {
  const entries = Object.entries(env).filter((entry): entry is [string, string] => {
    return entry[1] !== undefined && PASSED_ON.test(entry[0])
  })
  return { ...Object.fromEntries(entries), JOBS: String(jobs), MAKEFLAGS: `-j${jobs}` }
}

/**
 * Runs npm in a folder, in a process group of its own, which is gone when this settles.
 * @throws DuckfleetError `usage` when there is no npm, `aborted` when the signal fires.
 */
export async function runNpm(
  args: readonly string[],
  options: {
    readonly folder: string
    readonly env: Record<string, string>
    readonly signal: AbortSignal
    readonly onLine: (line: string) => void
  },
): Promise<NpmResult> {
  const { folder, env, signal, onLine } = options
  throwIfAborted(signal)
  const windows = process.platform === 'win32'
  // npm is a script on Windows, which only a shell runs. No argument of ours needs quotes.
  const child = spawn(windows ? 'npm.cmd' : 'npm', args, {
    cwd: folder,
    env,
    detached: !windows,
    shell: windows,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const tail: string[] = []
  const collect = (line: string): void => {
    tail.push(line.slice(0, LINE_LENGTH))
    if (tail.length > TAIL_LINES) tail.shift()
    onLine(line)
  }
  createInterface({ input: child.stdout }).on('line', collect)
  createInterface({ input: child.stderr }).on('line', collect)
  const code = await untilClosed(child, signal)
  throwIfAborted(signal)
  return { ok: code === 0, tail }
}

async function untilClosed(child: ChildProcess, signal: AbortSignal): Promise<number | null> {
  let killTimer: NodeJS.Timeout | undefined
  const stop = (): void => {
    killGroup(child, 'SIGTERM')
    killTimer = setTimeout(() => {
      killGroup(child, 'SIGKILL')
    }, TERM_GRACE_MS)
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await new Promise((resolve, reject) => {
      child.once('close', resolve)
      child.once('error', (cause: NodeJS.ErrnoException) => {
        reject(cannotStart(cause))
      })
    })
  } finally {
    signal.removeEventListener('abort', stop)
    clearTimeout(killTimer)
    killGroup(child, 'SIGKILL')
  }
}

function cannotStart(cause: NodeJS.ErrnoException): DuckfleetError {
  const message =
    cause.code === 'ENOENT'
      ? 'npm was not found: install Node.js with npm, or put npm on the PATH'
      : `npm could not be started: ${cause.message}`
  return new DuckfleetError('usage', message, { cause })
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    if (process.platform === 'win32') child.kill(signal)
    else process.kill(-child.pid, signal)
  } catch {
    // The group is gone already.
  }
}
