import { DuckfleetError } from '../../errors.js'
import { isNotFound } from './broker-errors.js'
import { openChannel } from './channel.js'
import { limited } from './limited.js'
import type { Link } from './link.js'
import { countQueue } from './queue-count.js'
import type { QueueCounts } from './queue-count.js'
import { failedQueue, retryQueues } from './topology.js'

const CLOSE_MS = 10_000
/** Somebody waits for the answer. */
const PATIENCE_MS = 500

/** What is known of queues, by name; `busy`: it is there, and could not tell. */
export type Counted = ReadonlyMap<string, QueueCounts | 'busy'>

/** Messages that wait and consumers of a queue and of those that belong to it, by name; none of one that is not there. */
export async function countMessages(link: Link, work: string): Promise<Counted> {
  const names = [work, failedQueue(work), ...retryQueues(work).map(({ name }) => name)]
  const found = await Promise.all(names.map(async (name) => [name, await look(link, name)] as const))
  return new Map(found.flatMap(([name, counts]) => (counts === undefined ? [] : [[name, counts]])))
}

/** On a channel of its own, which the broker closes where there is no such queue. */
async function look(link: Link, name: string): Promise<QueueCounts | 'busy' | undefined> {
  const channel = await openChannel(link, () => link.model.createChannel())
  try {
    const counts = await countQueue(channel, name, PATIENCE_MS)
    await limited(CLOSE_MS, `RabbitMQ does not answer for the queue ${name}`, channel.close())
    return counts
  } catch (error) {
    if (error instanceof DuckfleetError && isNotFound(error.cause)) return undefined
    if (!link.lost.aborted) throw error
    const why = `the connection to RabbitMQ was lost: ${String(link.lost.reason)}`
    throw new DuckfleetError('transient', why, { cause: error })
  }
}
