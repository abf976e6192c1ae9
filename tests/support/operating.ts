import { createLiveAdapters } from '../../src/cli/live-adapters.js'
import type { FleetAdapters } from '../../src/cli/fleet-adapters.js'
import { createProgram, runProgram } from '../../src/cli/program.js'
import { readConfig } from '../../src/config.js'
import { createLog } from '../../src/log.js'

export interface Ran {
  readonly status: number
  readonly out: readonly string[]
  readonly err: readonly string[]
  /** Questions that were asked. */
  readonly asked: readonly string[]
}

export interface OperateOptions {
  readonly environment: Readonly<Record<string, string>>
  readonly adapters?: FleetAdapters
  /** Answer to every question; undefined: nobody is there. */
  readonly answer?: boolean
  readonly signal?: AbortSignal
  /** Told of every line of either kind. */
  readonly onLine?: (line: string) => void
}

/** Runs `duckfleet …` in this process. */
export async function operate(args: readonly string[], options: OperateOptions): Promise<Ran> {
  const { environment, adapters = createLiveAdapters(), answer, onLine = () => undefined } = options
  const ran = { out: [] as string[], err: [] as string[], asked: [] as string[] }
  let asked = 0
  const context = {
    io: {
      out: (line: string) => {
        ran.out.push(line)
        onLine(line)
      },
      err: (line: string) => {
        ran.err.push(line)
        onLine(line)
      },
      isTTY: false,
    },
    signal: options.signal ?? new AbortController().signal,
    setExitCode: (code: number) => {
      asked = code
    },
  }
  const program = createProgram(context, {
    config: readConfig(environment),
    version: '0.0.0',
    log: createLog('silent'),
    createUpgrader: () => {
      throw new Error('operating upgrades nothing')
    },
    adapters,
    ...(answer === undefined
      ? {}
      : {
          confirm: (question: string) => {
            ran.asked.push(question)
            return Promise.resolve(answer)
          },
        }),
  })
  const status = await runProgram(program, args, context)
  return { status: status === 0 ? asked : status, ...ran }
}
