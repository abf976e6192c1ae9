import { createCleanup } from '../../cleanup.js'
import type { FailedMessages, FailedView } from '../port-failed.js'
import { createAgeMark } from './age-mark.js'
import { declareQueue } from './declare.js'
import { readDeliveryLimit } from './delivery-limit.js'
import { openFailedView } from './failed-view.js'
import { keepLink } from './link-keeper.js'
import type { RabbitOptions } from './link-keeper.js'
import { createLookGuard } from './look-guard.js'
import { answerLimitMs, managementAccess } from './management-access.js'
import { createPublisher } from './publisher.js'
import { failedArguments } from './queue-arguments.js'
import { createQueueSet } from './queue-set.js'
import { failedQueue } from './topology.js'

/** Somebody waits for the answer. */
const START_LIMIT_MS = 5_000
/** For one message to get back to its work queue. */
const PUBLISH_LIMIT_MS = 60_000

export interface FailedOptions extends RabbitOptions {
  /** Address of the management API, which knows how often a queue delivers; undefined: the usual one for the broker's host. */
  readonly management: string | undefined
  /** PEM of the authority for TLS; undefined: the system's. */
  readonly ca: string | undefined
}

/** Connects to RabbitMQ to look after failed messages. Rejects with a DuckfleetError: `usage`, `transient`, `aborted`. */
export async function openFailedMessages(
  options: FailedOptions,
  signal: AbortSignal,
): Promise<FailedMessages> {
  const keeper = await keepLink({ startLimitMs: START_LIMIT_MS, ...options }, signal)
  const cleanup = createCleanup()
  cleanup.add(() => keeper.close())
  const openView = async (work: string): Promise<FailedView> => {
    const link = await keeper.link(signal, START_LIMIT_MS)
    const queue = failedQueue(work)
    const queues = createQueueSet(work, keeper.emit, undefined)
    const ensure: typeof queues.ensure = (...which) => queues.ensure(...which)
    const publisher = createPublisher({ keeper, ensure, limitMs: PUBLISH_LIMIT_MS })
    cleanup.add(() => publisher.close())
    const age = createAgeMark({ keeper, work, queues })
    cleanup.add(() => age.close())
    const send = async (...[to, letter, stop]: Parameters<typeof publisher.send>): Promise<void> => {
      await age.publishing(stop)
      await publisher.send(to, letter, stop)
    }
    const guard = createLookGuard(
      queue,
      link.version,
      {
        limit: async () => {
          const credentials = await options.credentials({ fresh: false }, signal)
          const access = managementAccess(credentials, options)
          const { vhost } = credentials
          const limitMs = answerLimitMs(options.management)
          return readDeliveryLimit(access, { vhost, queue, version: link.version }, limitMs, signal)
        },
        isOurs: async () => (await declareQueue(link, queue, failedArguments(link))) === 'wanted',
      },
      (message) => {
        keeper.emit({ kind: 'warning', message })
      },
    )
    const view = await openFailedView(link, work, send, guard)
    // What it holds goes back with the connection in any case.
    cleanup.add(() => view.close().catch(() => undefined))
    return view
  }
  return { open: openView, close: () => cleanup.run() }
}
