import { readConfig, silenceSdkNotice } from '../config.js'
import type { Config } from '../config.js'
import { createUpgrader } from '../engine/upgrade.js'
import { asDuckfleetError } from '../errors.js'
import { createLog } from '../log.js'
import { duckfleetVersion } from '../version.js'
import { whenUsed } from './fleet-adapters.js'
import type { CommandContext } from './io.js'
import { processIo } from './process-io.js'
import { createProgram, runProgram } from './program.js'
import { listenForSignals } from './signals.js'

/**
 * Runs one command line (without `node` and the script) in this process, and sets its exit status: what the command and
 * every publisher and consumer do.
 */
export function start(args: readonly string[]): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      process.stderr.write(`duckfleet: ${asDuckfleetError(error).message}; this is a bug, please report it\n`)
      process.exit(1)
    })
  }
  silenceSdkNotice()
  run(args).then(
    (status) => {
      process.exitCode = status
    },
    (error: unknown) => {
      process.stderr.write(`duckfleet: ${asDuckfleetError(error).message}\n`)
      process.exitCode = 1
    },
  )
}

/** Puts the parts together; the only place that chooses the exit status. */
async function run(args: readonly string[]): Promise<number> {
  const io = processIo()
  const stop = listenForSignals((line) => {
    io.err(line)
  })
  let asked = 0
  const context: CommandContext = {
    io,
    signal: stop.signal,
    setExitCode: (code) => {
      asked = code
    },
  }
  let config: Config
  try {
    config = readConfig()
  } catch (error) {
    io.err(`duckfleet: ${asDuckfleetError(error).message}`)
    return 2
  }
  const program = createProgram(context, {
    config,
    version: duckfleetVersion(),
    // People read the summary of a run; of a service there is only its log.
    log: createLog(config.logLevel ?? (args[0] === 'consume' ? 'info' : 'silent')),
    createUpgrader: (slotFolder, engines, onEngineLost) =>
      createUpgrader({ slotFolder, engines, ...(onEngineLost ? { onEngineLost } : {}) }),
    adapters: whenUsed(async () => (await import('./live-adapters.js')).createLiveAdapters()),
  })
  const status = await runProgram(program, args, context)
  return stop.status() ?? (status === 0 ? asked : status)
}
