import { Command } from 'commander'
import { DuckfleetError } from '../errors.js'
import { readFleetConfig } from '../fleet-config.js'
import type { FleetConfig } from '../fleet-config.js'
import { SIZES } from '../ops/queue-figures.js'
import { proposeTasks } from '../ops/scale-proposal.js'
import type { Proposal, ProposalOptions } from '../ops/scale-proposal.js'
import type { ServiceCounts } from '../ops/services.js'
import type { Confirm } from './confirm.js'
import type { CommandContext } from './io.js'
import { lookAtQueues, openDepths } from './queues.js'
import type { QueuesDeps } from './queues.js'
import { withScaleOptions } from './scale-options.js'
import type { ScaleFlags } from './scale-options.js'
import { proposalLines } from './scale-text.js'

export interface ScaleAutoDeps extends QueuesDeps {
  readonly confirm: Confirm
}

interface AutoFlags extends ScaleFlags {
  readonly minutes: string
  readonly secondsSmall?: string
  readonly secondsBig?: string
  readonly yes?: true
}

const EXAMPLES = `
Examples:
  $ duckfleet scale auto --env prod --minutes 30                  asks before it changes anything
  $ duckfleet scale auto --env prod --minutes 60 --seconds-big 400 --yes

A file takes as long as those that are in work now: what is in work, divided by what is done in a second. Where nothing
was done lately, it is assumed to be 50 MB in the small queue and 5 GB in the big one. A queue without work gets no task.`

/** Asks ECS for so many tasks. */
type ScaleTo = (
  wanted: Readonly<Record<'small' | 'big', number>>,
  flags: ScaleFlags,
  context: CommandContext,
  deps: QueuesDeps,
) => Promise<void>

/** `duckfleet scale auto`: as many tasks as it takes to be done in time. */
export function scaleAutoCommand(context: CommandContext, deps: ScaleAutoDeps, scaleTo: ScaleTo): Command {
  const command = new Command('auto')
    .description('propose as many tasks as drain both queues in time, and set them when you agree')
    .requiredOption('--minutes <n>', 'be done in so many minutes')
    .option('--seconds-small <s>', 'seconds that a task takes for a small file (default: as measured)')
    .option('--seconds-big <s>', 'the same of a big file')
    .option('--yes', 'do it without asking')
  return withScaleOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: AutoFlags) => {
      const fleet = readFleetConfig(deps.config.environment, flags.env)
      const options = optionsOf(flags, fleet)
      const { proposals, counts } = await propose(fleet, options, context, deps)
      const [small, big] = proposals
      const { io } = context
      const say = (line: string): void => {
        if (flags.json) io.err(line)
        else io.out(line)
      }
      for (const [index, proposal] of proposals.entries()) {
        const now = counts[index]
        if (now === undefined) continue
        for (const line of proposalLines(proposal, now, options.minutes)) say(line)
      }
      if (proposals.every(({ tasks }, index) => counts[index]?.desired === tasks)) {
        context.io.err('so many tasks are wanted already')
      } else if (!flags.yes && !(await deps.confirm('Set them?', context.signal))) {
        context.io.err('nothing was changed')
        return
      }
      await scaleTo({ small: small.tasks, big: big.tasks }, flags, context, deps)
    })
}

interface Proposed {
  readonly proposals: readonly [Proposal, Proposal]
  readonly counts: readonly ServiceCounts[]
}

async function propose(
  fleet: FleetConfig,
  options: ProposalOptions,
  context: CommandContext,
  deps: ScaleAutoDeps,
): Promise<Proposed> {
  const depths = await openDepths(fleet, context, deps)
  const { createEcsServices } = await import('../ops/ecs.js')
  const services = createEcsServices(fleet.ecs.cluster)
  try {
    const figures = await lookAtQueues(fleet, depths, context)
    const counts = await Promise.all(SIZES.map((size) => services.counts(fleet.ecs[size], context.signal)))
    return {
      proposals: [proposeTasks('small', figures, options), proposeTasks('big', figures, options)],
      counts,
    }
  } finally {
    services.close()
    await depths.close()
  }
}

function optionsOf(flags: AutoFlags, { scaleCeiling }: FleetConfig): ProposalOptions {
  const { secondsSmall, secondsBig, force } = flags
  return {
    minutes: positive('--minutes', flags.minutes),
    ceiling: force ? 10_000 : scaleCeiling,
    secondsPerFile: {
      ...(secondsSmall === undefined ? {} : { small: positive('--seconds-small', secondsSmall) }),
      ...(secondsBig === undefined ? {} : { big: positive('--seconds-big', secondsBig) }),
    },
  }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value > 0 && value <= 1e6) return value
  throw new DuckfleetError('usage', `"${text}" is no number for ${name}; give more than 0`)
}
