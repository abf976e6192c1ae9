import type { StorageHeader } from '../migration/file/header.js'
import type { CheckFile, Target, UpgradeFile, VerifyLevel } from '../migration/upgrade.js'
import type { OnBytes } from '../store/port.js'
import type { ExaminePolicy, Places } from './examine.js'
import type { Location } from './route.js'
import type { OnStep } from './step.js'

/** What all jobs of a worker share. */
export interface JobPolicy extends ExaminePolicy {
  readonly verify: VerifyLevel
  /** Bytes for all engines of one job together. */
  readonly memory: number
  /** Threads for all engines of one job together. */
  readonly threads: number
}

/** What a job is given to work with; it reaches for nothing else. */
export interface JobDeps {
  readonly policy: JobPolicy
  /** Opens the stores that a message names. Throws a DuckfleetError `usage` for one that is not configured. */
  readonly places: (source: Location, destination: Location) => Places
  readonly upgrade: UpgradeFile
  readonly check: CheckFile
  /** Compares the source with a destination that was there; rejects with `difference` when they differ. */
  readonly compare: UpgradeFile
  /** Told what is coming before it is downloaded, so that engines can start meanwhile. */
  readonly warm?: (header: StorageHeader, target: Target, signal: AbortSignal) => void
  /** The worker's own folder; the job's folder is made inside it, and removed whatever happens. */
  readonly slotFolder: string
  /** Version of duckfleet, kept with the destination. */
  readonly version: string
  /** Told of every piece of the source that has arrived. */
  readonly onDownload?: OnBytes
  /** Told of every step that ended. */
  readonly onStep?: OnStep
}
