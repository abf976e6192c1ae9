import { Command, CommanderError } from 'commander'
import { asDuckfleetError } from '../errors.js'
import { createConfirm } from './confirm.js'
import type { Confirm } from './confirm.js'
import { consumeCommand } from './consume.js'
import { enginesCommand } from './engines.js'
import { failedCommand } from './failed.js'
import { inspectCommand } from './inspect.js'
import type { ConsumerDeps } from './consumer.js'
import type { CommandContext } from './io.js'
import { upgradeCommand } from './upgrade.js'
import { planCommand } from './plan.js'
import { publishCommand } from './publish.js'
import { queuesCommand } from './queues.js'
import { scaleCommand } from './scale.js'
import type { FleetAdapters } from './fleet-adapters.js'
import type { UpgradeDeps } from './upgrade-run.js'
import { verifyCommand } from './verify.js'

const EXAMPLES = `
Examples:
  $ duckfleet inspect old.duckdb             what a file is
  $ duckfleet upgrade trackers/ upgraded/    upgrade every *.duckdb of a folder
  $ duckfleet verify old.duckdb new.duckdb   compare two files of any releases
  $ duckfleet publish s3-s3 --env dev        queue a message for every file of every tracker
  $ duckfleet consume small --env dev        upgrade the files that messages name
  $ duckfleet plan --files 20000 --bytes 2TB tasks, hours and cost of a campaign
  $ duckfleet queues --env dev               what waits, and when it will be done
  $ duckfleet scale small 20 --env dev       how many tasks work on small files
  $ duckfleet failed list --env dev          what failed, and why
  $ duckfleet engines list                   which releases can be read and written`

/** What the commands need besides their context. */
export type ProgramDeps = UpgradeDeps &
  ConsumerDeps & {
    readonly adapters: FleetAdapters
    /** Default: asks on this process's terminal. */
    readonly confirm?: Confirm
  }

/** The command `duckfleet` with all its subcommands. */
export function createProgram(context: CommandContext, deps: ProgramDeps): Command {
  const { enginesFolder, environment } = deps.config
  const operate = { ...deps, confirm: deps.confirm ?? createConfirm() }
  const program = new Command('duckfleet')
    .description('Upgrade DuckDB files of any old release to a new one: nothing lost, everything proved.')
    .version(deps.version)
    .addHelpText('after', EXAMPLES)
    .addCommand(inspectCommand(context))
    .addCommand(upgradeCommand(context, deps))
    .addCommand(verifyCommand(context, deps))
    .addCommand(publishCommand(context, deps))
    .addCommand(consumeCommand(context, deps))
    .addCommand(planCommand(context))
    .addCommand(queuesCommand(context, deps))
    .addCommand(scaleCommand(context, operate))
    .addCommand(failedCommand(context, operate))
    .addCommand(enginesCommand(context, { cacheFolder: enginesFolder, environment }))
  throwInsteadOfExit(program, context)
  return program
}

/** Runs a command line (without `node` and the script) and gives the exit status. Never rejects. */
export async function runProgram(
  program: Command,
  args: readonly string[],
  context: CommandContext,
): Promise<number> {
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    // Commander has said what is wrong already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const { code, message } = asDuckfleetError(error)
    context.io.err(`duckfleet: ${message}`)
    return code === 'usage' ? 2 : 1
  }
}

/** Commander would end the process; its texts go where all others go. */
function throwInsteadOfExit(command: Command, context: CommandContext): void {
  const { io } = context
  command.exitOverride()
  command.configureOutput({
    writeOut: (text) => {
      io.out(text.trimEnd())
    },
    writeErr: (text) => {
      io.err(text.trimEnd())
    },
  })
  command.showHelpAfterError('(--help shows what there is)')
  for (const child of command.commands) throwInsteadOfExit(child, context)
}
