import { createCleanup } from '../cleanup.js'
import type { Cleanup } from '../cleanup.js'
import type { Config } from '../config.js'
import { asDuckfleetError } from '../errors.js'
import type { FleetConfig } from '../fleet-config.js'
import type { Places } from '../fleet/examine.js'
import type { PlannedMessage } from '../fleet/publish-plan.js'
import type { PublishSummary } from '../fleet/publish-tally.js'
import type { PublishDeps, PublishOptions } from '../fleet/publish-tracker.js'
import { publishRoute } from '../fleet/publish.js'
import type { Location, Route } from '../fleet/route.js'
import { createFolderTrackers } from '../tracker/folder.js'
import type { FleetAdapters } from './fleet-adapters.js'
import type { CommandContext } from './io.js'
import { createPublishProgress } from './publish-progress.js'
import { problemLine, summaryLines } from './publish-text.js'
import { formatSize } from '../size.js'
import { printable } from './summary.js'

/** What the command needs besides its context. */
export interface PublishCommandDeps {
  readonly config: Config
  readonly adapters: FleetAdapters
}

export interface PublishRequest {
  readonly fleet: FleetConfig
  readonly options: PublishOptions
  /** Trackers come from the folders of `MIGRATE_SRC`. */
  readonly fromFolder: boolean
  readonly dryRun: boolean
  /** Bodies on stdout, all else on stderr. */
  readonly json: boolean
  readonly context: CommandContext
  readonly deps: PublishCommandDeps
}

/**
 * Opens what the route needs, publishes, says how it went, and closes everything again. True when every tracker and
 * file was published. Rejects with a DuckfleetError when nothing was.
 */
export async function runPublish(request: PublishRequest): Promise<boolean> {
  const { io } = request.context
  const cleanup = createCleanup()
  const progress = createPublishProgress(io, request.dryRun || request.json)
  let last: PublishSummary | undefined
  const say = (line: string): void => {
    progress.say(line)
  }
  try {
    const opened = await open(request, cleanup, say)
    const summary = await publishRoute(
      request.options,
      {
        ...opened,
        onProblem: (problem) => {
          say(problemLine(problem))
        },
        onSent: (message) => {
          show(message, request)
        },
        onProgress: (now) => {
          last = now
          progress.update(now)
        },
      },
      request.context.signal,
    )
    progress.stop()
    for (const line of summaryLines(summary, request.fleet.queues, request.dryRun)) {
      if (request.json) io.err(line)
      else io.out(line)
    }
    return summary.problems === 0
  } catch (thrown) {
    progress.stop()
    const error = asDuckfleetError(thrown)
    // Wrong usage means that nothing was tried.
    if (error.code !== 'usage' || last === undefined || messagesOf(last) === 0) throw error
    io.err(`duckfleet: ${error.message}`)
    return false
  } finally {
    progress.stop()
    await cleanup.run()
  }
}

type Opened = Pick<PublishDeps, 'trackers' | 'source' | 'destination' | 'queues'>

async function open(request: PublishRequest, cleanup: Cleanup, say: (line: string) => void): Promise<Opened> {
  const { fleet, options, fromFolder, deps } = request
  const trackers = fromFolder
    ? createFolderTrackers(fleet.migrateSrc)
    : await deps.adapters.openTrackers(fleet)
  cleanup.add(() => trackers.close())
  const stores = await deps.adapters.openStores(fleet)
  cleanup.add(() => stores.close())
  const { source, destination } = placesOf(options.route, fleet, stores.places)
  const queues = request.dryRun ? DRY : await openQueues(request, cleanup, say)
  return { trackers, source: source.store, destination: destination.store, queues }
}

/** Takes everything, and keeps nothing. */
const DRY: PublishDeps['queues'] = {
  small: { publish: () => Promise.resolve() },
  big: { publish: () => Promise.resolve() },
}

async function openQueues(
  { fleet, context, deps }: PublishRequest,
  cleanup: Cleanup,
  say: (line: string) => void,
): Promise<PublishDeps['queues']> {
  const onEvent: Parameters<FleetAdapters['openBroker']>[1] = ({ kind, message }) => {
    if (kind !== 'connected') say(message)
  }
  const broker = await deps.adapters.openBroker(fleet, onEvent, context.signal)
  cleanup.add(() => broker.close())
  return {
    small: await broker.queue(fleet.queues.small, {}),
    big: await broker.queue(fleet.queues.big, {}),
  }
}

/** The two stores of a route; which key is asked for makes no difference. */
function placesOf(
  route: Route,
  fleet: FleetConfig,
  places: (source: Location, destination: Location) => Places,
): Places {
  const key = 'any'
  const efs = { datastore: 'efs', key } as const
  const from = { datastore: 's3', bucket: fleet.sourceBucket, key } as const
  const to = { datastore: 's3', bucket: fleet.destinationBucket, key } as const
  switch (route) {
    case 's3-s3':
      return places(from, to)
    case 'efs-efs':
      return places(efs, efs)
    case 's3-efs':
      return places(from, efs)
    case 'efs-s3':
      return places(efs, to)
    default:
      return route satisfies never
  }
}

function show(message: PlannedMessage, { json, dryRun, fleet, context }: PublishRequest): void {
  const { queue, bytes, body, sourceKey, destinationKey } = message
  if (json) context.io.out(body)
  else if (dryRun)
    context.io.out(
      printable(`${fleet.queues[queue]}: ${sourceKey} -> ${destinationKey} (${formatSize(bytes)})`),
    )
}

function messagesOf({ queues }: PublishSummary): number {
  return queues.small.messages + queues.big.messages
}
