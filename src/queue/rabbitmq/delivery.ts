import type { ConsumeMessage } from 'amqplib'
import { DuckfleetError } from '../../errors.js'
import type { Delivery } from '../port.js'
import { lostError } from './consumer-channel.js'
import type { ConsumerChannel } from './consumer-channel.js'
import { publishedAt } from './incoming.js'
import type { Incoming } from './incoming.js'
import { failedHeaders, sameLetter } from './letter.js'
import type { Publisher } from './publisher.js'
import { HEADERS, failedQueue, retryQueue } from './topology.js'

/** What a delivery needs to be settled. */
export interface Settling {
  /** The work queue. */
  readonly queue: string
  readonly channel: ConsumerChannel
  readonly publisher: Publisher
}

/**
 * Sends a message to another queue and acks it then: a crash in between leaves two of them, never none. Throws a
 * DuckfleetError `transient`; the message is with its consumer then, or back in the queue.
 */
export async function move(
  { channel, publisher }: Settling,
  message: ConsumeMessage,
  target: string,
  headers: Readonly<Record<string, string | number>>,
): Promise<void> {
  try {
    await publisher.send(target, sameLetter(message, headers), channel.lost)
  } catch (error) {
    // The signal was the channel's: the message comes again, so that a copy of it is not wanted any more.
    throw channel.lost.aborted ? lostError(channel.lost.reason) : error
  }
  await channel.ack(message)
}

/** AMQP tells whole seconds: the beginning of the one in which it was published. */
function publishedMs(message: ConsumeMessage): number | undefined {
  const seconds = publishedAt(message)
  return seconds === undefined ? undefined : seconds * 1000
}

/** The delivery, and what to do when its consumer leaves it. */
export function createDelivery(
  settling: Settling,
  message: ConsumeMessage,
  { body, id, attempts }: Incoming & { readonly kind: 'work' },
): { readonly delivery: Delivery; readonly drop: () => Promise<void> } {
  const { queue, channel } = settling
  let given: 'consumer' | 'settling' | 'broker' = 'consumer'
  const settle = async (run: () => Promise<void>): Promise<void> => {
    if (given !== 'consumer') {
      throw new DuckfleetError('usage', 'a delivery was settled twice; report this as a bug')
    }
    given = 'settling'
    await run()
    given = 'broker'
  }
  const delivery: Delivery = {
    lost: channel.lost,
    body,
    id,
    publishedAt: publishedMs(message),
    attempts,
    ack: () => settle(() => channel.ack(message)),
    release: () => settle(() => channel.giveBack(message)),
    retry: (reason, delayMs) =>
      settle(() => {
        const headers = { [HEADERS.attempts]: attempts + 1, [HEADERS.reason]: reason }
        return move(settling, message, retryQueue(queue, delayMs)?.name ?? queue, headers)
      }),
    fail: (reason, error) =>
      settle(() => move(settling, message, failedQueue(queue), failedHeaders(attempts, reason, error))),
  }
  const drop = async (): Promise<void> => {
    if (given !== 'broker') await channel.giveBack(message).catch(() => undefined)
    given = 'broker'
  }
  return { delivery, drop }
}
