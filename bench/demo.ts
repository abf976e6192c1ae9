import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { asDuckfleetError } from '../src/errors.js'
import { bundledArchive, CLI } from './project.js'
import { unpackArchive } from './unpack.js'

const FOLDER = 'demo-fleet'
const OLD = path.join(FOLDER, 'old')
const NEW = path.join(FOLDER, 'new')
const COMMAND = `node ${path.relative('.', CLI)}`

/** `npm run demo`: upgrades the bundled trackers with the real command, and shows what to try next. */
async function main(signal: AbortSignal): Promise<number> {
  for (const folder of [OLD, NEW]) await rm(folder, { recursive: true, force: true })
  await unpackArchive(bundledArchive('trackers'), OLD, signal)
  say(`Real trackers of DuckDB 0.6, 0.7 and 0.8 are in ${OLD}. Upgrading them:`, '')
  say(`  $ ${COMMAND} upgrade ${OLD} ${NEW}`, '')
  const status = await duckfleet('upgrade', OLD, NEW)
  if (status !== 0) return status
  const [sample = ''] = (await readdir(NEW, { recursive: true }))
    .filter((name) => name.endsWith('.duckdb'))
    .sort()
  say('', `The upgraded files are in ${NEW}; those in ${OLD} are untouched. Try:`, '')
  say(`  ${COMMAND} inspect ${OLD} ${NEW}`)
  say(`  ${COMMAND} verify ${path.join(OLD, sample)} ${path.join(NEW, sample)}`)
  say(`  ${COMMAND} upgrade YOUR_FOLDER UPGRADED_FOLDER --dry-run`)
  return 0
}

/** With this terminal as its own: its progress bar shows, and Ctrl-C reaches it. */
async function duckfleet(...args: string[]): Promise<number> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: 'inherit' })
  const passOn = (): void => {
    child.kill('SIGTERM')
  }
  process.on('SIGTERM', passOn)
  try {
    const [code] = (await once(child, 'exit')) as [number | null]
    return code ?? 1
  } finally {
    process.off('SIGTERM', passOn)
  }
}

function say(...lines: string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`)
}

// The command stops in good order by itself, and its status says so: this process must outlive it.
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stop.abort()
  })
}
try {
  process.exitCode = await main(stop.signal)
} catch (error) {
  process.stderr.write(`demo: ${asDuckfleetError(error).message}\n`)
  process.exitCode = 1
}
