import { DuckfleetError } from '../../errors.js'
import type { FamilyDepth, QueueDepth } from '../port-depth.js'
import { isNotFound, queueError } from './broker-errors.js'
import { openChannel } from './channel.js'
import { familyOf, noSuchQueue } from './depth-family.js'
import { limited } from './limited.js'
import type { Link } from './link.js'
import { failedQueue, retryQueues } from './topology.js'

const ANSWER_MS = 10_000

/** What AMQP itself tells of a queue and those that belong to it: messages that wait, and consumers. */
export async function readPassively(link: Link, work: string): Promise<FamilyDepth> {
  const names = [work, failedQueue(work), ...retryQueues(work).map(({ name }) => name)]
  const found = new Map<string, QueueDepth>()
  for (const depth of await Promise.all(names.map((name) => look(link, name)))) found.set(depth.name, depth)
  return familyOf(work, (name) => found.get(name) ?? noSuchQueue(name))
}

/** On a channel of its own, which the broker closes where there is no such queue. */
async function look(link: Link, name: string): Promise<QueueDepth> {
  const channel = await openChannel(link, () => link.model.createChannel())
  const silence = `RabbitMQ does not answer for the queue ${name}`
  try {
    const { messageCount, consumerCount } = await limited(ANSWER_MS, silence, channel.checkQueue(name))
    await limited(ANSWER_MS, silence, channel.close())
    return {
      name,
      exists: true,
      ready: messageCount,
      inWork: undefined,
      consumers: consumerCount,
      publishRate: undefined,
      ackRate: undefined,
      messageBytes: undefined,
      oldestAt: undefined,
    }
  } catch (error) {
    if (isNotFound(error)) return noSuchQueue(name)
    if (!link.lost.aborted) throw queueError(error, name)
    const why = `the connection to RabbitMQ was lost: ${String(link.lost.reason)}`
    throw new DuckfleetError('transient', why, { cause: error })
  }
}
