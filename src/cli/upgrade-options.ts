import os from 'node:os'
import type { Config } from '../config.js'
import { parseStorageVersion } from '../config.js'
import type { InstalledEngine } from '../engine/locate.js'
import { chooseReader, chooseTarget } from '../engine/registry.js'
import { DuckfleetError } from '../errors.js'
import type { JobPolicy } from '../fleet/job-deps.js'
import { compareReleases, formatWrittenBy, parseRelease } from '../migration/file/releases.js'
import type { Target, VerifyLevel } from '../migration/upgrade.js'
import { parseSize } from '../size.js'

/** What commander gives: text as it was typed, and flags only when they are there. */
export interface UpgradeFlags {
  readonly to?: string
  readonly storageVersion?: string
  readonly verify: VerifyLevel
  readonly jobs?: string
  readonly memory?: string
  readonly overwrite?: true
  readonly inPlace?: true
  readonly dryRun?: true
  readonly json?: true
}

/** Less than this, and an engine has no room for its own buffers. */
const LEAST_MEMORY = 64e6
/** With less a job, more jobs at a time make things slower, not faster. */
const COMFORTABLE_MEMORY = 256e6

/** How many files at a time, and what each of them gets. */
export interface Shares {
  readonly jobs: number
  /** Bytes for one job. */
  readonly memory: number
  readonly threads: number
}

/** Divides the machine. Throws a DuckfleetError `usage` for numbers that make no sense. */
export function shareMachine(
  flags: Pick<UpgradeFlags, 'jobs' | 'memory'>,
  files: number,
  machine: { readonly cores: number; readonly memory: number } = {
    cores: os.availableParallelism(),
    memory: os.totalmem(),
  },
): Shares {
  const memory = flags.memory === undefined ? Math.floor(machine.memory / 2) : parseSize(flags.memory)
  const fitting = Math.max(1, Math.floor(memory / COMFORTABLE_MEMORY))
  const wanted = flags.jobs === undefined ? Math.min(machine.cores, fitting) : parseJobs(flags.jobs)
  const jobs = Math.max(1, Math.min(wanted, files))
  if (memory / jobs < LEAST_MEMORY) {
    throw new DuckfleetError(
      'usage',
      `${Math.floor(memory / 1e6)} MB for ${jobs} jobs is too little; give 64MB or more for each with --memory, or fewer --jobs`,
    )
  }
  return { jobs, memory: Math.floor(memory / jobs), threads: Math.max(1, Math.floor(machine.cores / jobs)) }
}

/** The target that flags and environment ask for. Throws a DuckfleetError `usage` when it is not to be had. */
export function chooseTargetFor(
  flags: Pick<UpgradeFlags, 'to' | 'storageVersion'>,
  config: Config,
  engines: readonly InstalledEngine[],
): Target {
  const { release } = chooseTarget(flags.to ?? config.release, engines)
  const storageVersion =
    flags.storageVersion === undefined ? config.storageVersion : parseStorageVersion(flags.storageVersion)
  const target = storageVersion === undefined ? { release } : { release, storageVersion }
  assertWrites(target)
  return target
}

/** Better once, now, than from the engine for every file. */
function assertWrites({ release, storageVersion }: Target): void {
  formatWrittenBy({ release, storageVersion })
  if (storageVersion === undefined || storageVersion === 'latest') return
  if (compareReleases(parseRelease(storageVersion), release) > 0) {
    throw new DuckfleetError(
      'usage',
      `DuckDB ${release} does not know STORAGE_VERSION ${storageVersion}; give ${release} or an older one, or latest`,
    )
  }
}

/** The rules for every job of a run. */
export function policyFor(
  flags: UpgradeFlags,
  target: Target,
  engines: readonly InstalledEngine[],
  shares: Shares,
): JobPolicy {
  return {
    target,
    verify: flags.verify,
    existing: flags.overwrite === true ? 'replace' : 'refuse',
    inPlace: flags.inPlace ?? false,
    memory: shares.memory,
    threads: shares.threads,
    assertReadable: (header) => {
      chooseReader(header, engines)
    },
  }
}

function parseJobs(text: string): number {
  const jobs = Number(text)
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 256) {
    throw new DuckfleetError('usage', `"${text}" is no number of jobs; give a whole number from 1 to 256`)
  }
  return jobs
}
