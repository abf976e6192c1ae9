import { asDuckfleetError } from '../errors.js'
import type { Target } from '../migration/upgrade.js'
import type { Queue } from '../queue/port.js'
import type { Store } from '../store/port.js'
import type { Tracker, TrackerFilter, TrackerSource } from '../tracker/port.js'
import { isDone } from './publish-done.js'
import { planTracker } from './publish-plan.js'
import type { PlannedMessage, PublishRules, SizeClass, TrackerPlan } from './publish-plan.js'
import { retried } from './publish-retry.js'
import type { Sender } from './publish-sender.js'
import type { PublishSummary, Tally } from './publish-tally.js'
import { trackerProblem } from './publish-template.js'
import type { RetryPolicy } from './retry.js'

/** For listing and looking at destinations. */
const STORE_RETRY = { attempts: 3, baseMs: 500, maxMs: 10_000 } as const

export interface PublishOptions extends PublishRules {
  readonly filter: TrackerFilter
  /** Trackers at most; undefined: all. */
  readonly limit?: number
  /** Files whose destination this target has written already get no message. Needs the destination's store. */
  readonly skipDone?: Target
  /** For tests: shorter waits. */
  readonly retry?: Pick<RetryPolicy, 'attempts' | 'baseMs' | 'maxMs'>
}

/** A tracker, or files of it, that got no message. */
export interface PublishProblem {
  readonly tracker: Tracker | undefined
  /** A sentence: what happened, and what to do. */
  readonly message: string
}

export interface PublishDeps {
  readonly trackers: TrackerSource
  readonly source: Store
  readonly destination?: Store
  readonly queues: Readonly<Record<SizeClass, Pick<Queue, 'publish'>>>
  readonly onProblem: (problem: PublishProblem) => void
  /** A queue has this message for sure. */
  readonly onSent?: (message: PlannedMessage) => void
  /** Called often: be quick. */
  readonly onProgress?: (summary: PublishSummary) => void
}

/** What all parts of a run share. */
export interface Run {
  readonly options: PublishOptions
  readonly deps: PublishDeps
  readonly tally: Tally
  readonly sender: Sender
  /** Ids and sites that were asked for and have not come yet. */
  readonly missing: { readonly trackers: Set<string>; readonly sites: Set<string> }
  /** Ids of the trackers so far, where another one of the same id would write to the same destinations; undefined: it would not. */
  readonly ids: Set<string> | undefined
  readonly signal: AbortSignal
}

/** Lists one tracker's files and sends them on their way. Rejects when nothing more makes sense, with `aborted`. */
export async function publishTracker(tracker: Tracker, run: Run): Promise<void> {
  const { tally, missing } = run
  missing.trackers.delete(tracker.id)
  missing.sites.delete(tracker.site)
  const problem = trackerProblem(tracker) ?? twinProblem(tracker, run)
  const { messages, problems } =
    problem === undefined ? await planOrProblem(tracker, run) : { messages: [], problems: [problem] }
  for (const text of problems) tell({ tracker, message: text }, run)
  for (const message of messages) await publishFile(tracker, message, run)
  tally.tracker()
}

function twinProblem({ id }: Tracker, { ids }: Run): string | undefined {
  if (ids?.has(id) === true)
    return 'another site has a tracker of this id, and both would be written to the same place; put {site} into DESTINATION_KEY'
  ids?.add(id)
  return undefined
}

async function planOrProblem(tracker: Tracker, run: Run): Promise<TrackerPlan> {
  const { options, deps, signal } = run
  try {
    return await again(() => planTracker(tracker, options, deps.source, signal), run)
  } catch (error) {
    return { messages: [], problems: [sentence(error)] }
  }
}

async function publishFile(tracker: Tracker, message: PlannedMessage, run: Run): Promise<void> {
  const { options, deps, tally, sender, signal } = run
  const { destination } = deps
  const { skipDone } = options
  if (skipDone !== undefined && destination !== undefined) {
    try {
      if (await again(() => isDone(destination, message.destinationKey, skipDone, signal), run)) {
        tally.done()
        return
      }
    } catch (error) {
      const file = deps.source.describe(message.sourceKey)
      tell(
        { tracker, message: `${file} was not sent: its destination is not known: ${sentence(error)}` },
        run,
      )
      return
    }
  }
  await sender.send(message)
}

async function again<T>(work: () => Promise<T>, { options, signal }: Run): Promise<T> {
  return await retried(work, options.retry ?? STORE_RETRY, signal)
}

/** Whatever goes wrong with one tracker is told; only being stopped stops the others. */
function sentence(error: unknown): string {
  const { code, message } = asDuckfleetError(error)
  if (code === 'aborted') throw error
  return message
}

/** Told, and counted. */
export function tell(problem: PublishProblem, { deps, tally }: Run): void {
  tally.problem()
  deps.onProblem(problem)
}
