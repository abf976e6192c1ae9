import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PROJECT } from './cli.js'
import { until } from './processes.js'

/** A RabbitMQ of a test's own, which it may kill, freeze and start again: its data, address and user stay. */
export interface Broker {
  /** `amqp://user:password@host:port`. */
  readonly url: string
  /** `http://user:password@host:port`. */
  readonly managementUrl: string
  /** SIGKILL, as a machine that is lost; resolves when the process is gone. */
  kill(): Promise<void>
  /** An orderly shutdown. */
  stop(): Promise<void>
  /** Resolves when it takes connections; nothing happens when it runs. */
  start(): Promise<void>
  /** SIGSTOP: connections stay open, and nothing answers. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  /** Runs an Erlang expression inside it, for settings that have no other way in. */
  evaluate(expression: string): Promise<void>
  /** Ends it, frozen or not, and removes its data. */
  dispose(): Promise<void>
}

const run = promisify(execFile)
const script = async (...args: readonly string[]): Promise<string> =>
  (await run(join(PROJECT, 'tests', 'services', 'rabbitmq.sh'), args)).stdout

/** Starts a RabbitMQ from Debian's package on free ports of 127.0.0.1; takes about 4 s. Call `dispose` in the end. */
export async function startBroker(): Promise<Broker> {
  const folder = await mkdtemp(join(tmpdir(), 'duckfleet-broker-'))
  const dispose = async (): Promise<void> => {
    // Its data go anyway: no need to wait for an orderly end.
    await control(folder)
      .kill()
      .catch(() => undefined)
    await script('stop', folder)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    // Chosen by the script once, and kept.
    await script('start', folder, 'free')
    const variables = exportsOf(await script('env', folder))
    return { ...variables, ...control(folder), evaluate: evaluator(folder, variables.url), dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

function control(folder: string): Pick<Broker, 'kill' | 'stop' | 'start' | 'freeze' | 'thaw'> {
  // The process id that was read last: the file may be gone when the process is.
  const signal = async (name: NodeJS.Signals): Promise<number> => {
    const pid = Number(await script('pid', folder))
    process.kill(pid, name)
    return pid
  }
  return {
    kill: async () => {
      const pid = await signal('SIGKILL')
      await until(() => !lives(pid), 10_000)
    },
    stop: async () => {
      await script('stop', folder)
    },
    start: async () => {
      await script('start', folder, 'free')
    },
    freeze: async () => {
      await signal('SIGSTOP')
    },
    thaw: async () => {
      await signal('SIGCONT')
    },
  }
}

function evaluator(folder: string, url: string): Broker['evaluate'] {
  const mapper = String(Number(new URL(url).port) + 3)
  const env = { ...process.env, HOME: folder, ERL_EPMD_PORT: mapper, RABBITMQ_CONF_ENV_FILE: '/dev/null' }
  return async (expression) => {
    await run('/usr/lib/rabbitmq/bin/rabbitmqctl', ['-n', 'duckfleet@localhost', 'eval', expression], { env })
  }
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function exportsOf(text: string): Pick<Broker, 'url' | 'managementUrl'> {
  const read = (name: string): string => {
    const value = new RegExp(`^export ${name}=(.*)$`, 'm').exec(text)?.[1]
    if (value === undefined) throw new Error(`rabbitmq.sh env does not name ${name}`)
    return value
  }
  return { url: read('RABBIT_URL'), managementUrl: read('RABBIT_MANAGEMENT_URL') }
}
