import { Command, Option } from 'commander'
import { DuckfleetError } from '../errors.js'
import { ROUTES } from '../fleet/route.js'
import type { Route } from '../fleet/route.js'
import { planCampaign } from '../ops/plan.js'
import type { Campaign, Workers } from '../ops/plan.js'
import type { Architecture } from '../ops/plan-prices.js'
import { MEASURED } from '../ops/plan-work.js'
import { parseSize } from '../size.js'
import type { CommandContext } from './io.js'
import { planLines } from './plan-text.js'

interface PlanFlags {
  readonly files: string
  readonly bytes: string
  readonly hours?: string
  readonly smallTasks?: string
  readonly bigTasks?: string
  readonly route: Route
  readonly architecture: Architecture
  readonly spread: string
  readonly secondsPerGb: string
  readonly secondsPerFile: string
  readonly network: string
  readonly spotSaving: string
  readonly json?: true
}

const EXAMPLES = `
Examples:
  $ duckfleet plan --files 1000000 --bytes 20TB --hours 24          tasks that it takes, and what they cost
  $ duckfleet plan --files 1000000 --bytes 20TB --small-tasks 50    how long it takes with so many
  $ duckfleet plan --files 5000 --bytes 3TB --hours 8 --json        as JSON

It is a model, from the benchmark and list prices, that moves nothing and asks nobody.`

/** As `infra/config.ts` has them at first. */
const SMALL_TASK = { vcpu: 1, memoryGb: 4, storageGb: 30 }
const BIG_TASK = { vcpu: 4, memoryGb: 16, storageGb: 200 }
const SMALL_TASKS = 20
const BIG_TASKS = 5
const BIG_FROM = 1_500_000_000

/** `duckfleet plan`: how long a campaign takes, on how many tasks, and what it costs. Status 1: not in these hours. */
export function planCommand(context: CommandContext): Command {
  return new Command('plan')
    .description('work out how many tasks a campaign needs, how long it takes, and what it costs')
    .requiredOption('--files <n>', 'files in all')
    .requiredOption('--bytes <size>', 'bytes in all, such as 20TB')
    .option('--hours <h>', 'be done in so many hours: gives the tasks it takes')
    .option('--small-tasks <n>', `tasks for small files (default: by --hours, else ${SMALL_TASKS})`)
    .option('--big-tasks <n>', `tasks for files of 1.5 GB and more (default: by --hours, else ${BIG_TASKS})`)
    .addOption(new Option('--route <route>', 'from where to where').choices(ROUTES).default('s3-s3'))
    .addOption(new Option('--architecture <a>', 'of the tasks').choices(['arm64', 'x64']).default('arm64'))
    .option('--spread <s>', 'standard deviation of the logarithm of file sizes; 0: all are equal', '1.5')
    .option('--seconds-per-gb <s>', 'upgrade and proof of 1 GB on 2 vCPUs', String(MEASURED.perGb))
    .option('--seconds-per-file <s>', 'for every file, whatever its size', String(MEASURED.perFile))
    .option('--network <size>', 'bytes a second between a task and the store', '100MB')
    .option('--spot-saving <share>', 'what Spot saves on small tasks, 0 to 1', '0')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action((flags: PlanFlags) => {
      const hours = flags.hours === undefined ? undefined : number('--hours', flags.hours, 0.1, 8760)
      const campaign = campaignOf(flags, hours)
      const plan = planCampaign(campaign)
      const late = hours !== undefined && plan.seconds > hours * 3600
      if (flags.json) context.io.out(JSON.stringify({ ...plan, late }))
      else for (const line of planLines(campaign, plan)) context.io.out(line)
      if (!late) return
      context.io.err(`this takes longer than ${hours} hours: ${plan.bottleneck}`)
      context.setExitCode(1)
    })
}

function campaignOf(flags: PlanFlags, hours: number | undefined): Campaign {
  const files = whole('--files', flags.files, 1, 1e9)
  const workers = (name: string, tasks: string | undefined, otherwise: number): Workers => {
    if (tasks !== undefined) return { tasks: whole(name, tasks, 1, 10_000) }
    return hours === undefined ? { tasks: otherwise } : { withinHours: hours }
  }
  return {
    files,
    bytes: parseSize(flags.bytes),
    spread: number('--spread', flags.spread, 0, 3),
    bigFrom: BIG_FROM,
    route: flags.route,
    speed: {
      ...MEASURED,
      perFile: number('--seconds-per-file', flags.secondsPerFile, 0.001, 3600),
      perGb: number('--seconds-per-gb', flags.secondsPerGb, 0.001, 100_000),
      network: network(flags.network),
    },
    architecture: flags.architecture,
    small: { task: SMALL_TASK, workers: workers('--small-tasks', flags.smallTasks, SMALL_TASKS) },
    big: { task: BIG_TASK, workers: workers('--big-tasks', flags.bigTasks, BIG_TASKS) },
    spotSaving: number('--spot-saving', flags.spotSaving, 0, 1),
  }
}

function network(text: string): number {
  const bytes = parseSize(text)
  if (bytes > 0) return bytes
  throw new DuckfleetError('usage', '--network of 0 moves nothing; give bytes a second, such as 100MB')
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = number(name, text, least, most)
  if (Number.isInteger(value)) return value
  throw new DuckfleetError('usage', `"${text}" is no whole number for ${name}`)
}

function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= least && value <= most) return value
  throw new DuckfleetError('usage', `"${text}" is no number for ${name}; give ${least} to ${most}`)
}
