import { Command, Option } from 'commander'
import { locateEngines } from '../engine/locate.js'
import { DuckfleetError } from '../errors.js'
import type { JobPolicy } from '../fleet/job-deps.js'
import { planJobs, planLines } from './dry-run.js'
import type { CommandContext } from './io.js'
import { selectFiles } from './selection.js'
import type { Selection } from './selection.js'
import { printable } from './summary.js'
import { chooseTargetFor, policyFor, shareMachine } from './upgrade-options.js'
import type { UpgradeFlags } from './upgrade-options.js'
import { runUpgrade } from './upgrade-run.js'
import type { UpgradeDeps } from './upgrade-run.js'

const EXAMPLES = `
Examples:
  $ duckfleet upgrade old.duckdb new.duckdb              one file, to the newest release
  $ duckfleet upgrade trackers/ upgraded/                every *.duckdb in a folder, layout kept
  $ duckfleet upgrade trackers/ upgraded/ --dry-run      only say what would be done
  $ duckfleet upgrade app.duckdb --in-place --to 1.4.4   replace it; app.duckdb.bak-39 keeps the original
  $ duckfleet upgrade trackers/ upgraded/ --json         one JSON object for each file on stdout

Exit status: 0 all well; 1 something failed or was skipped; 2 wrong usage; 130 or 143 stopped by a signal.`

/** `duckfleet upgrade SOURCE DEST`: the fleet's job, on this machine. */
export function upgradeCommand(context: CommandContext, deps: UpgradeDeps): Command {
  return new Command('upgrade')
    .description('upgrade a DuckDB file, or all *.duckdb of a folder, and prove that nothing was lost')
    .argument('<source>', 'a file, or a folder to search for *.duckdb at any depth')
    .argument('[dest]', 'the new file, or the folder for the new files; left out with --in-place')
    .option('--to <release>', 'DuckDB release to upgrade to, such as 1.5.6 (default: the newest installed)')
    .option('--storage-version <version>', 'storage version to write, such as v1.4.0 or latest')
    .addOption(
      new Option('--verify <level>', 'how much to prove').choices(['full', 'counts', 'none']).default('full'),
    )
    .option('--jobs <n>', 'files at a time (default: one for each core, if memory allows)')
    .option('--memory <size>', 'memory for all jobs together, such as 512MB (default: half of the machine)')
    .option('--overwrite', 'replace destinations that exist')
    .option('--in-place', 'replace the sources, keeping each as FILE.bak-VERSION')
    .option('--dry-run', 'only say what would be done')
    .option('--json', 'print one JSON object for each file on stdout, and nothing else there')
    .addHelpText('after', EXAMPLES)
    .action(async (source: string, dest: string | undefined, flags: UpgradeFlags) => {
      await upgrade(source, dest, flags, context, deps)
    })
}

async function upgrade(
  source: string,
  dest: string | undefined,
  flags: UpgradeFlags,
  context: CommandContext,
  deps: UpgradeDeps,
): Promise<void> {
  checkDestination(dest, flags)
  const engines = await locateEngines(deps.config.enginesFolder)
  const target = chooseTargetFor(flags, deps.config, engines)
  const selection = await selectFiles(source, dest, context.signal)
  const shares = shareMachine(flags, selection.files.length)
  const policy = policyFor(flags, target, engines, shares)
  const allWell =
    flags.dryRun === true
      ? await plan(selection, policy, flags, context)
      : await runUpgrade({ selection, policy, shares, flags, engines, context, deps })
  for (const sentence of selection.leftOut) context.io.err(printable(sentence))
  if (!allWell || selection.leftOut.length > 0) context.setExitCode(1)
}

function checkDestination(dest: string | undefined, { inPlace }: UpgradeFlags): void {
  if (dest === undefined && inPlace !== true) {
    throw new DuckfleetError('usage', 'no destination; name a file or folder to write, or use --in-place')
  }
  if (dest !== undefined && inPlace === true) {
    throw new DuckfleetError('usage', `--in-place writes to the source; leave ${dest} out`)
  }
}

async function plan(
  selection: Selection,
  policy: JobPolicy,
  flags: UpgradeFlags,
  { io, signal }: CommandContext,
): Promise<boolean> {
  const planned = await planJobs(selection, policy, signal)
  const lines =
    flags.json === true ? planned.map((job) => JSON.stringify(job)) : planLines(planned, selection.nameOf)
  for (const line of lines.flatMap((text) => text.split('\n'))) io.out(line)
  return planned.every(({ error }) => error === null)
}
