import type { Channel } from 'amqplib'
import { setTimeout as sleep } from 'node:timers/promises'
import { queueError } from './broker-errors.js'
import { limited } from './limited.js'

/** What AMQP tells of a queue. */
export interface QueueCounts {
  readonly ready: number
  readonly consumers: number
}

const ANSWER_MS = 30_000
/** A quorum queue that is too busy to count answers that it is empty, after a quarter of a second. */
const SUSPICIOUS_MS = 200
const AGAIN_MS = 50

/**
 * Messages that wait in a queue, and its consumers; `busy` when it could not tell within `patienceMs` milliseconds. Rejects
 * with a DuckfleetError `transient` or `usage`; the broker closes the channel when there is no such queue.
 */
export async function countQueue(
  channel: Channel,
  queue: string,
  patienceMs: number,
): Promise<QueueCounts | 'busy'> {
  const end = performance.now() + patienceMs
  for (;;) {
    const asked = performance.now()
    const silence = `RabbitMQ does not answer for the queue ${queue}`
    const { messageCount, consumerCount } = await limited(
      ANSWER_MS,
      silence,
      channel.checkQueue(queue),
    ).catch((error: unknown) => {
      throw queueError(error, queue)
    })
    const now = performance.now()
    if (messageCount > 0 || consumerCount > 0 || now - asked < SUSPICIOUS_MS)
      return { ready: messageCount, consumers: consumerCount }
    if (now >= end) return 'busy'
    await sleep(AGAIN_MS)
  }
}
