#!/usr/bin/env node
import { readConfig } from '../config.js'
import type { Config } from '../config.js'
import { createUpgrader } from '../engine/upgrade.js'
import { asDuckfleetError } from '../errors.js'
import { createLog } from '../log.js'
import { duckfleetVersion } from '../version.js'
import type { CommandContext } from './io.js'
import { processIo } from './process-io.js'
import { createProgram, runProgram } from './program.js'
import { listenForSignals } from './signals.js'

/** Puts the parts together and runs one command line; the only place that chooses the exit status. */
async function main(): Promise<number> {
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
    log: createLog(config.logLevel),
    createUpgrader: (slotFolder, engines) => createUpgrader({ slotFolder, engines }),
  })
  const status = await runProgram(program, process.argv.slice(2), context)
  return stop.status() ?? (status === 0 ? asked : status)
}

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    process.stderr.write(`duckfleet: ${asDuckfleetError(error).message}; this is a bug, please report it\n`)
    process.exit(1)
  })
}

main().then(
  (status) => {
    process.exitCode = status
  },
  (error: unknown) => {
    process.stderr.write(`duckfleet: ${asDuckfleetError(error).message}\n`)
    process.exitCode = 1
  },
)
