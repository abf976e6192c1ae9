import { Command } from 'commander'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.js'
import { DuckfleetError } from '../errors.js'
import { readFleetConfig } from '../fleet-config.js'
import type { FleetConfig } from '../fleet-config.js'
import { metricsOf } from '../ops/depth-metrics.js'
import { SIZES, WINDOW_SECONDS, figuresOf } from '../ops/queue-figures.js'
import type { QueueFigures } from '../ops/queue-figures.js'
import type { Depths } from '../queue/port-depth.js'
import type { FleetAdapters } from './fleet-adapters.js'
import type { CommandContext } from './io.js'
import { queuesTable } from './queues-text.js'
import { createScreen, processTerminal } from './screen.js'

/** What the commands that look at queues need besides their context. */
export interface QueuesDeps {
  readonly config: Config
  readonly adapters: FleetAdapters
}

interface QueuesFlags {
  readonly env?: string
  readonly watch?: true
  readonly json?: true
  readonly cloudwatch?: true
}

const EXAMPLES = `
Examples:
  $ duckfleet queues --env dev                what waits, what is in work, and when it will be done
  $ duckfleet queues --env prod --watch       the same, again and again; Ctrl-C ends it
  $ duckfleet queues --env prod --json        one JSON object a line, for each queue; null: not known
  $ duckfleet queues --env prod --cloudwatch  put the figures into CloudWatch's namespace duckfleet/prod, too

Ready messages and consumers are counted by RabbitMQ as you ask. The rest comes from its management API
(RABBIT_MANAGEMENT_URL, else the usual port of the broker), may be 10 s old, and is not known without it. Rates are
means of a minute, of the big queue of ten. No message that waits has waited longer than the oldest, as workers and
publishers tell it, who leave their times in QUEUE.oldest. No message is taken or moved.

Exit status: 0 all well; 1 the broker cannot be reached, or figures for CloudWatch are missing; 2 wrong usage; 130 or
143 stopped by a signal.`

/** `duckfleet queues`: how full the queues are. */
export function queuesCommand(context: CommandContext, deps: QueuesDeps): Command {
  return new Command('queues')
    .description('show what waits in the queues, what is in work, and when it will be done')
    .option('--env <name>', 'environment: dev, staging, prod … (default: ENVIRONMENT, else dev)')
    .option('--watch', 'look again every 2 seconds (Amazon MQ: every minute) until stopped')
    .option('--json', 'print one JSON object a line on stdout, and nothing else there')
    .option('--cloudwatch', 'put the figures into CloudWatch, too')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: QueuesFlags) => {
      if (flags.watch && flags.cloudwatch)
        throw new DuckfleetError('usage', '--cloudwatch is for one look; leave out --watch')
      const fleet = readFleetConfig(deps.config.environment, flags.env)
      const depths = await openDepths(fleet, context, deps)
      try {
        if (flags.watch) await watch(fleet, depths, context, flags.json === true)
        else await once(fleet, depths, context, flags)
      } finally {
        await depths.close()
      }
    })
}

/** Opens them; what the connection has to tell goes to stderr. */
export function openDepths(fleet: FleetConfig, context: CommandContext, deps: QueuesDeps): Promise<Depths> {
  return deps.adapters.openDepths(
    fleet,
    ({ kind, message }) => {
      if (kind !== 'connected') context.io.err(message)
    },
    context.signal,
  )
}

/** One look; says once each what cannot be known, and how the broker is set to lose messages. */
export async function lookAtQueues(
  fleet: FleetConfig,
  depths: Depths,
  context: CommandContext,
  told = new Set<string>(),
): Promise<readonly QueueFigures[]> {
  const questions = SIZES.map((size) => ({ name: fleet.queues[size], windowSeconds: WINDOW_SECONDS[size] }))
  const reading = await depths.read(questions, context.signal)
  const { missing, warnings } = reading
  const unknown =
    missing === undefined
      ? []
      : [`${missing}. Only ready messages, consumers and the oldest message are known without it`]
  for (const sentence of [...unknown, ...warnings]) {
    if (!told.has(sentence)) context.io.err(sentence)
    told.add(sentence)
  }
  return figuresOf(reading, Date.now())
}

async function once(
  fleet: FleetConfig,
  depths: Depths,
  context: CommandContext,
  { json, cloudwatch }: QueuesFlags,
): Promise<void> {
  const { io, signal } = context
  const figures = await lookAtQueues(fleet, depths, context)
  for (const line of json ? jsonLines(figures) : queuesTable(figures)) io.out(line)
  if (!cloudwatch) return
  const metrics = metricsOf(figures)
  const namespace = `duckfleet/${fleet.env}`
  const { putMetrics } = await import('../ops/cloudwatch.js')
  await putMetrics(namespace, metrics, signal)
  io.err(`${metrics.length} figures are in CloudWatch, namespace ${namespace}`)
  if (figures.some(({ kind, inWork }) => kind === 'work' && inWork === null)) context.setExitCode(1)
}

async function watch(
  fleet: FleetConfig,
  depths: Depths,
  context: CommandContext,
  json: boolean,
): Promise<void> {
  const { io, signal } = context
  const screen = createScreen(io, json ? { isTTY: false, columns: 0 } : processTerminal())
  const told = new Set<string>()
  try {
    while (!signal.aborted) {
      const figures = await lookAtQueues(fleet, depths, context, told)
      const at = new Date().toISOString()
      screen.show(json ? jsonLines(figures, at) : [at, ...queuesTable(figures)])
      await sleep(depths.intervalMs, undefined, { signal }).catch(() => undefined)
    }
  } catch (error) {
    // Being stopped is how this ends.
    if (!signal.aborted) throw error
  } finally {
    screen.close()
  }
}

function jsonLines(figures: readonly QueueFigures[], at?: string): readonly string[] {
  return figures.map((line) => JSON.stringify(at === undefined ? line : { at, ...line }))
}
