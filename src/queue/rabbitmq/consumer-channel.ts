import type { ConsumeMessage } from 'amqplib'
import { DuckfleetError } from '../../errors.js'
import { createWaiters } from '../waiters.js'
import { queueError, told } from './broker-errors.js'
import { openChannel } from './channel.js'
import { limited } from './limited.js'
import type { Link } from './link.js'

/** A consumer's own channel, with at most one message that is not settled. */
export interface ConsumerChannel {
  /** Fires when the broker has taken back what is not settled; its reason is a sentence. */
  readonly lost: AbortSignal
  /** The next message; undefined when the signal fired or the channel was lost. */
  next(signal: AbortSignal): Promise<ConsumeMessage | undefined>
  /** Resolves when the broker has the ack. Throws `transient` when the channel was lost before. */
  ack(message: ConsumeMessage): Promise<void>
  /** Back to the front of the queue. Throws as `ack` does. */
  giveBack(message: ConsumeMessage): Promise<void>
  /** Ends the consumer; whatever is not settled goes back. A broker that does not answer is left after some seconds. */
  close(): Promise<void>
}

const BEGIN_LIMIT_MS = 30_000
const CLOSE_LIMIT_MS = 5_000

/**
 * Begins to consume. `timeoutMs`: how long the broker shall wait for a message to be settled, where it can be told. When
 * `stop` fires, no further message is taken; the one in hand can still be settled.
 */
export async function openConsumer(
  link: Link,
  queue: string,
  timeoutMs: number | undefined,
  stop: AbortSignal,
): Promise<ConsumerChannel> {
  const channel = await openChannel(link, () => link.model.createChannel())
  const lost = new AbortController()
  const changed = createWaiters()
  const arrived: ConsumeMessage[] = []
  let why: string | undefined
  let leaving = false
  const end = (reason: string): void => {
    if (!leaving) lost.abort(reason)
    changed.wake()
  }
  channel.on('error', (error: Error) => {
    why = told(error)
  })
  channel.on('close', () => {
    leaving = false
    end(why ?? 'the connection to RabbitMQ was lost')
  })
  const deliver = (message: ConsumeMessage | null): void => {
    if (message === null)
      end(`RabbitMQ ended the consumer of ${queue}: its queue was deleted, or the delivery timeout passed`)
    else arrived.push(message)
    changed.wake()
  }
  const begin = async (): Promise<string> => {
    await channel.prefetch(1)
    const args: unknown = timeoutMs === undefined ? {} : { 'x-consumer-timeout': timeoutMs }
    return (await channel.consume(queue, deliver, { arguments: args })).consumerTag
  }
  const beginning = limited(BEGIN_LIMIT_MS, `RabbitMQ does not answer for the queue ${queue}`, begin())
  const tag = await beginning.catch((error: unknown) => {
    // Nobody waits: a queue that is silent may leave this without an answer too.
    void (async () => channel.close())().catch(() => undefined)
    throw queueError(error, queue)
  })

  /** Settling has no answer in AMQP; that of a later request on the same channel shows that it has arrived. */
  const settle = async (send: () => void): Promise<void> => {
    try {
      if (lost.signal.aborted) throw new Error(String(lost.signal.reason))
      send()
      await channel.prefetch(1)
    } catch (error) {
      throw lostError(error)
    }
  }
  let cancelled: Promise<unknown> | undefined
  const cancel = (): void => {
    cancelled ??= (async () => channel.cancel(tag))().catch(() => undefined)
  }
  stop.addEventListener('abort', cancel)
  if (stop.aborted) cancel()
  const leave = async (): Promise<void> => {
    // First, or what goes back would come again to this consumer.
    cancel()
    await cancelled
    for (const message of arrived.splice(0)) channel.nack(message, false, true)
    await channel.close()
  }
  return {
    lost: lost.signal,
    async next(signal) {
      while (!signal.aborted && !lost.signal.aborted) {
        const message = arrived.shift()
        if (message !== undefined) return message
        await changed.wait(signal)
      }
      return undefined
    },
    ack: (message) =>
      settle(() => {
        channel.ack(message)
      }),
    giveBack: (message) =>
      settle(() => {
        channel.nack(message, false, true)
      }),
    async close() {
      leaving = true
      stop.removeEventListener('abort', cancel)
      await limited(CLOSE_LIMIT_MS, 'no answer', leave()).catch(() => undefined)
    },
  }
}

/** An error of a message that the broker has taken back. */
export function lostError(cause: unknown): DuckfleetError {
  const sentence = `RabbitMQ has taken the message back, and somebody else gets it: ${told(cause)}`
  return new DuckfleetError('transient', sentence, { cause })
}
