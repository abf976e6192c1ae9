import { createCleanup } from '../../cleanup.js'
import type { FailedMessages, FailedView } from '../port-failed.js'
import { createAgeMark } from './age-mark.js'
import { openFailedView } from './failed-view.js'
import { keepLink } from './link-keeper.js'
import type { RabbitOptions } from './link-keeper.js'
import { createPublisher } from './publisher.js'
import { createQueueSet } from './queue-set.js'

/** Somebody waits for the answer. */
const START_LIMIT_MS = 5_000
/** For one message to get back to its work queue. */
const PUBLISH_LIMIT_MS = 60_000

/** Connects to RabbitMQ to look after failed messages. Rejects with a DuckfleetError: `usage`, `transient`, `aborted`. */
export async function openFailedMessages(
  options: RabbitOptions,
  signal: AbortSignal,
): Promise<FailedMessages> {
  const keeper = await keepLink({ startLimitMs: START_LIMIT_MS, ...options }, signal)
  const cleanup = createCleanup()
  cleanup.add(() => keeper.close())
  const openView = async (work: string): Promise<FailedView> => {
    const link = await keeper.link(signal, START_LIMIT_MS)
    const queues = createQueueSet(work, keeper.emit, undefined)
    const ensure: typeof queues.ensure = (...which) => queues.ensure(...which)
    const publisher = createPublisher({ keeper, ensure, limitMs: PUBLISH_LIMIT_MS })
    cleanup.add(() => publisher.close())
    const age = createAgeMark({ keeper, work, queues })
    cleanup.add(() => age.close())
    const send = async (...[queue, letter, stop]: Parameters<typeof publisher.send>): Promise<void> => {
      await age.publishing(stop)
      await publisher.send(queue, letter, stop)
    }
    const view = await openFailedView(link, work, send)
    // What it holds goes back with the connection in any case.
    cleanup.add(() => view.close().catch(() => undefined))
    return view
  }
  return { open: openView, close: () => cleanup.run() }
}
