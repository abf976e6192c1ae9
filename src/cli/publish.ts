import { Argument, Command } from 'commander'
import { locateEngines } from '../engine/locate.js'
import { DuckfleetError } from '../errors.js'
import { readFleetConfig } from '../fleet-config.js'
import type { PublishOptions } from '../fleet/publish-tracker.js'
import { ROUTES } from '../fleet/route.js'
import type { Route } from '../fleet/route.js'
import type { Target } from '../migration/upgrade.js'
import type { CommandContext } from './io.js'
import { runPublish } from './publish-run.js'
import type { PublishCommandDeps } from './publish-run.js'
import { chooseTargetFor } from './upgrade-options.js'

/** What commander gives: text as it was typed, and flags only when they are there. */
interface PublishFlags {
  readonly env?: string
  readonly tracker?: readonly string[]
  readonly site?: readonly string[]
  readonly limit?: string
  readonly trackersFromFolder?: true
  readonly skipDone?: true
  readonly dryRun?: true
  readonly json?: true
}

const EXAMPLES = `
Examples:
  $ duckfleet publish s3-s3 --env dev --dry-run             what would be sent, and how much
  $ duckfleet publish s3-s3 --env dev --limit 10            the files of the first ten trackers
  $ duckfleet publish s3-efs --env dev --tracker 9324670152232788 600700800900100
  $ duckfleet publish efs-efs --env prod --site 56 --skip-done
  $ duckfleet publish efs-efs --env dev --trackers-from-folder   without a database

Publishing twice is harmless: a worker compares a destination that is there, and leaves it alone. One with OVERWRITE=true
replaces it, with all that was written to it until it was published again.

Exit status: 0 all well; 1 something could not be published, the others were; 2 wrong usage; 130 or 143 stopped by
a signal.`

/** `duckfleet publish ROUTE`: one message for every file of every tracker; what the publishers run. */
export function publishCommand(context: CommandContext, deps: PublishCommandDeps): Command {
  return new Command('publish')
    .description('send a message for every *.duckdb file of every tracker')
    .addArgument(new Argument('<route>', 'from which kind of store to which').choices(ROUTES))
    .option('--env <name>', 'environment: dev, staging, prod … (default: ENVIRONMENT, else dev)')
    .option('--tracker <id...>', 'only these trackers')
    .option('--site <id...>', 'only the trackers of these sites')
    .option('--limit <n>', 'only the first n trackers')
    .option(
      '--trackers-from-folder',
      'take trackers from the folders {site}/{tracker} of MIGRATE_SRC, not from Postgres',
    )
    .option('--skip-done', 'leave out files whose destination is of the target release already')
    .option('--dry-run', 'only say what would be sent')
    .option('--json', 'print the body of every message on stdout, one a line, and nothing else there')
    .addHelpText('after', EXAMPLES)
    .action(async (route: Route, flags: PublishFlags) => {
      await publish(route, flags, context, deps)
    })
}

async function publish(
  route: Route,
  flags: PublishFlags,
  context: CommandContext,
  deps: PublishCommandDeps,
): Promise<void> {
  const fleet = readFleetConfig(deps.config.environment, flags.env)
  const limit = parseLimit(flags.limit)
  const skipDone = flags.skipDone === true ? await targetOf(deps) : undefined
  const options: PublishOptions = {
    route,
    sourceBucket: fleet.sourceBucket,
    destinationBucket: fleet.destinationBucket,
    layout: fleet.layout,
    bigFrom: fleet.bigFrom,
    filter: { trackers: flags.tracker ?? [], sites: flags.site ?? [] },
    ...(limit === undefined ? {} : { limit }),
    ...(skipDone === undefined ? {} : { skipDone }),
  }
  const allWell = await runPublish({
    fleet,
    options,
    fromFolder: flags.trackersFromFolder === true,
    dryRun: flags.dryRun === true,
    json: flags.json === true,
    context,
    deps,
  })
  if (!allWell) context.setExitCode(1)
}

/** What consumers with the same environment upgrade to. */
async function targetOf({ config }: PublishCommandDeps): Promise<Target> {
  return chooseTargetFor({}, config, await locateEngines(config.enginesFolder))
}

function parseLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const limit = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(limit) && limit >= 1) return limit
  throw new DuckfleetError('usage', `"${text}" is no number of trackers for --limit; give 1 or more`)
}
