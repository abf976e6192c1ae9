import type { Config } from '../config.js'
import type { InstalledEngine } from '../engine/locate.js'
import type { Upgrader } from '../engine/upgrade.js'
import type { JobPolicy } from '../fleet/job-deps.js'
import type { JobReport } from '../fleet/report.js'
import type { Log } from '../log.js'
import { runCampaign } from './campaign.js'
import type { CommandContext } from './io.js'
import { createProgress } from './progress.js'
import type { Selection } from './selection.js'
import { reportLine, summaryLines } from './summary.js'
import type { Shares, UpgradeFlags } from './upgrade-options.js'

/** What the command needs besides its context. */
export interface UpgradeDeps {
  readonly config: Config
  readonly version: string
  readonly log: Log
  /** Makes the engines of one worker, confined to its folder. */
  readonly createUpgrader: (
    slotFolder: string,
    engines: readonly InstalledEngine[],
    onEngineLost?: () => void,
  ) => Upgrader
}

/** A run of the command, with everything that was decided. */
export interface UpgradeRun {
  readonly selection: Selection
  readonly policy: JobPolicy
  readonly shares: Shares
  readonly flags: UpgradeFlags
  readonly engines: readonly InstalledEngine[]
  readonly context: CommandContext
  readonly deps: UpgradeDeps
}

/**
 * Upgrades the files, showing how far it is, and prints what became of them. True when every file was upgraded.
 * Rejects with a DuckfleetError when the run could not start.
 */
export async function runUpgrade(run: UpgradeRun): Promise<boolean> {
  const { selection, flags, context } = run
  const start = performance.now()
  const reports = new Map<string, JobReport>()
  await campaign(run, reports)
  const { files, nameOf } = selection
  const ended = files.flatMap(({ key }) => reports.get(key) ?? [])
  if (flags.json !== true) {
    for (const line of summaryLines(ended, nameOf, flags.verify, performance.now() - start)) {
      for (const part of line.split('\n')) context.io.out(part)
    }
  }
  if (context.signal.aborted) context.io.err(stopLine(ended, files.length))
  return ended.length === files.length && ended.every((report) => report.error === null)
}

/** Fills in the last report of every file, by key. */
async function campaign(run: UpgradeRun, reports: Map<string, JobReport>): Promise<void> {
  const { selection, policy, shares, context, deps } = run
  const sizes = new Map(selection.files.map(({ key, size }) => [key, size]))
  const totalBytes = [...sizes.values()].reduce((sum, size) => sum + size, 0)
  const progress = createProgress(context.io, sizes.size, totalBytes)
  try {
    await runCampaign(
      {
        selection,
        policy,
        jobs: shares.jobs,
        workDir: deps.config.workDir,
        version: deps.version,
        createUpgrader: (slotFolder) => deps.createUpgrader(slotFolder, run.engines),
        onDownload: (slot, bytes) => {
          progress.downloaded(slot, bytes)
        },
        onReport: (slot, report, retryInMs) => {
          const key = selection.nameOf(report.source)
          reports.set(key, report)
          deps.log.job(report, retryInMs)
          const over = retryInMs === undefined
          progress.ended(slot, logLine(run, report, retryInMs), over ? (sizes.get(key) ?? 0) : undefined)
          if (over && run.flags.json === true) context.io.out(JSON.stringify(report))
        },
      },
      context.signal,
    )
  } finally {
    progress.stop()
  }
}

function logLine({ selection, flags }: UpgradeRun, report: JobReport, retryInMs: number | undefined): string {
  const line = reportLine(report, selection.nameOf(report.source), flags.verify)
  const again = retryInMs !== undefined && report.error?.code !== 'aborted'
  return again ? `${line}; trying again in ${retryInMs / 1000} s` : line
}

function stopLine(done: readonly JobReport[], files: number): string {
  const finished = done.filter(({ outcome }) => outcome !== 'retried').length
  return `stopped on request: ${finished} of ${files} files were done, nothing of the others was written`
}
