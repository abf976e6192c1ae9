import { Argument, Command } from 'commander'
import { DuckfleetError } from '../errors.js'
import { readFleetConfig } from '../fleet-config.js'
import type { FleetConfig } from '../fleet-config.js'
import { formatDuration, parseDuration } from '../ops/duration.js'
import { isSettled, waitForTasks } from '../ops/scale-wait.js'
import type { ServiceCounts, Services } from '../ops/services.js'
import type { CommandContext } from './io.js'
import type { QueuesDeps } from './queues.js'
import { scaleAutoCommand } from './scale-auto.js'
import type { ScaleAutoDeps } from './scale-auto.js'
import { withScaleOptions } from './scale-options.js'
import type { ScaleFlags } from './scale-options.js'
import { countsLine } from './scale-text.js'

const EXAMPLES = `
Examples:
  $ duckfleet scale small 20 --env prod                  20 tasks for small files; waits until they run
  $ duckfleet scale big 0 --env prod --no-wait           no task for big files; those that work end their job first
  $ duckfleet scale auto --env prod --minutes 30         what it takes to be done in half an hour; asks, then does it
  $ duckfleet scale auto --env prod --minutes 30 --yes   the same without asking, for scripts

Exit status: 0 all well; 1 as many tasks as wanted did not run within --timeout, or AWS did not answer; 2 wrong usage,
also when AWS refuses; 130 or 143 stopped by a signal: what was asked of ECS goes on.`

const POLL_MS = 2_000

/** `duckfleet scale small|big N` and `duckfleet scale auto`: how many tasks work. */
export function scaleCommand(context: CommandContext, deps: ScaleAutoDeps): Command {
  const scale = new Command('scale')
    .description('set how many tasks work on a queue, or what it takes to be done in time')
    .addHelpText('after', EXAMPLES)
  for (const size of ['small', 'big'] as const) {
    const command = withScaleOptions(
      new Command(size)
        .description(`set how many tasks work on ${size} files`)
        .addArgument(new Argument('<n>', 'tasks')),
    ).addHelpText('after', `\nExamples:\n  $ duckfleet scale ${size} 10 --env prod`)
    command.action(async (tasks: string, flags: ScaleFlags) => {
      await scaleTo({ [size]: parseTasks(tasks) }, flags, context, deps)
    })
    scale.addCommand(command)
  }
  return scale.addCommand(scaleAutoCommand(context, deps, scaleTo))
}

type Wanted = Readonly<Partial<Record<'small' | 'big', number>>>

/** Asks ECS for so many tasks, and waits until they run unless the flags say otherwise. */
async function scaleTo(
  wanted: Wanted,
  flags: ScaleFlags,
  context: CommandContext,
  { config }: Pick<QueuesDeps, 'config'>,
): Promise<void> {
  const fleet = readFleetConfig(config.environment, flags.env)
  const limitMs = flags.wait ? parseDuration(flags.timeout) : 0
  const orders = ordersOf(wanted, fleet, flags.force === true)
  const { createEcsServices } = await import('../ops/ecs.js')
  const services = createEcsServices(fleet.ecs.cluster)
  try {
    const asked: ServiceCounts[] = []
    // Wrong names show before anything is changed.
    for (const { service } of orders) await services.counts(service, context.signal)
    for (const { service, tasks } of orders)
      asked.push(await services.setDesired(service, tasks, context.signal))
    await Promise.all(
      asked.map((first, index) =>
        follow(services, first, { tasks: orders[index]?.tasks, limitMs, flags }, context),
      ),
    )
  } finally {
    services.close()
  }
}

function ordersOf(
  wanted: Wanted,
  { ecs, scaleCeiling }: FleetConfig,
  force: boolean,
): { readonly service: string; readonly tasks: number }[] {
  return (['small', 'big'] as const).flatMap((size) => {
    const tasks = wanted[size]
    if (tasks === undefined) return []
    if (tasks > scaleCeiling && !force)
      throw new DuckfleetError(
        'usage',
        `${tasks} tasks are over the ceiling of ${scaleCeiling}; add --force, or set SCALE_CEILING`,
      )
    return [{ service: ecs[size], tasks }]
  })
}

interface Following {
  readonly tasks: number | undefined
  readonly limitMs: number
  readonly flags: ScaleFlags
}

async function follow(
  services: Services,
  first: ServiceCounts,
  { tasks, limitMs, flags }: Following,
  context: CommandContext,
): Promise<void> {
  const { io, signal } = context
  const onChange = (counts: ServiceCounts): void => {
    io.err(countsLine(counts))
  }
  const last = flags.wait
    ? await waitForTasks(services, first, { limitMs, pollMs: POLL_MS, onChange }, signal)
    : first
  io.out(flags.json ? JSON.stringify(last) : countsLine(last))
  if (tasks !== undefined && last.desired !== tasks)
    io.err(`${last.service}: somebody else wants ${last.desired} tasks now, maybe its automatic scaling`)
  if (!flags.wait || isSettled(last)) return
  io.err(
    `${last.service}: not as many tasks as wanted within ${formatDuration(limitMs / 1000)}: its events in ECS say why`,
  )
  context.setExitCode(1)
}

function parseTasks(text: string): number {
  const tasks = Number(text)
  if (text.trim() !== '' && Number.isInteger(tasks) && tasks >= 0 && tasks <= 10_000) return tasks
  throw new DuckfleetError('usage', `"${text}" is no number of tasks; give 0 or more`)
}
