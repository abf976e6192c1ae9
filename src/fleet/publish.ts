import { setMaxListeners } from 'node:events'
import { linkAbort } from '../abort.js'
import { DuckfleetError, asDuckfleetError } from '../errors.js'
import type { Tracker } from '../tracker/port.js'
import { sharesDestinations } from './publish-plan.js'
import type { PlannedMessage } from './publish-plan.js'
import { createSender } from './publish-sender.js'
import { createTally } from './publish-tally.js'
import type { PublishSummary } from './publish-tally.js'
import { publishTracker, tell } from './publish-tracker.js'
import type { PublishDeps, PublishOptions, Run } from './publish-tracker.js'

/** Trackers whose files are looked at, at the same time. */
const LANES = 16
/** Messages that may wait for their confirm at once. */
const IN_FLIGHT = 500

/**
 * Sends a message for every file of every tracker, with the same memory for one tracker as for millions (but for their ids,
 * where sites would share destinations). Trackers and
 * files that cannot be published are told to `onProblem`; the others are published. Rejects with a DuckfleetError when it
 * cannot go on: the trackers cannot be read, a queue takes no more, or the signal fired. Doing it again is harmless then.
 */
export async function publishRoute(
  options: PublishOptions,
  deps: PublishDeps,
  signal: AbortSignal,
): Promise<PublishSummary> {
  const tally = createTally(deps.onProgress ?? ((): void => undefined))
  const { controller: stop, release } = linkAbort(signal)
  const inner = stop.signal
  // Every lane and every message on its way listens; that is no leak.
  setMaxListeners(0, inner)
  let failure: unknown
  const fail = (error: unknown): void => {
    failure ??= error
    stop.abort(error)
  }
  const onConfirmed = (message: PlannedMessage): void => {
    tally.sent(message)
    deps.onSent?.(message)
  }
  const sender = createSender(
    {
      queues: deps.queues,
      inFlight: IN_FLIGHT,
      onConfirmed,
      onFailure: fail,
      ...(options.retry ? { retry: options.retry } : {}),
    },
    inner,
  )
  const { trackers, sites } = options.filter
  const missing = { trackers: new Set(trackers), sites: new Set(sites) }
  const ids = sharesDestinations(options) ? new Set<string>() : undefined
  const run: Run = { options, deps, tally, sender, missing, ids, signal: inner }
  const source = take(deps.trackers.trackers(options.filter, inner), options.limit)
  try {
    await Promise.all(Array.from({ length: LANES }, () => lane(source, run).catch(fail)))
    await sender.drained()
  } finally {
    stop.abort()
    release()
    await source.return(undefined)
  }
  if (failure !== undefined) throw interrupted(failure, tally.summary())
  reportMissing(run)
  return tally.summary()
}

/** The first ones. A generator, because several lanes ask at once, and it keeps them in line. */
async function* take(trackers: AsyncIterable<Tracker>, limit = Infinity): AsyncGenerator<Tracker, undefined> {
  let taken = 0
  if (limit === 0) return
  for await (const tracker of trackers) {
    yield tracker
    taken += 1
    if (taken >= limit) return
  }
}

async function lane(source: AsyncGenerator<Tracker, undefined>, run: Run): Promise<void> {
  for (;;) {
    const next = await source.next()
    if (next.done === true) return
    await publishTracker(next.value, run)
  }
}

/** Whoever asks for a tracker by name wants to know that it is not there. */
function reportMissing(run: Run): void {
  const { options, tally, missing } = run
  if (options.limit !== undefined && tally.summary().trackers >= options.limit) return
  for (const id of missing.trackers)
    tell({ tracker: undefined, message: `tracker ${id} is not among the trackers; check the id` }, run)
  for (const site of missing.sites)
    tell({ tracker: undefined, message: `site ${site} is not among the trackers; check it` }, run)
  if (tally.summary().trackers + missing.trackers.size + missing.sites.size > 0) return
  tell({ tracker: undefined, message: 'there are no trackers; check the query and its database' }, run)
}

function interrupted(failure: unknown, { queues }: PublishSummary): DuckfleetError {
  const { code, message } = asDuckfleetError(failure)
  const sent = queues.small.messages + queues.big.messages
  return new DuckfleetError(
    code,
    `${message}; until then ${sent} messages were published: publish again, what comes twice does no harm unless workers overwrite`,
    { cause: failure },
  )
}
