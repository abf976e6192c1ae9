import { limitTime, linkAbort, throwIfAborted } from '../../abort.js'
import { DuckfleetError, asDuckfleetError } from '../../errors.js'
import type { Delivery, Queue } from '../port.js'
import { createAgeMark } from './age-mark.js'
import { backoff, pause } from './backoff.js'
import { openConsumer } from './consumer-channel.js'
import type { ConsumerChannel } from './consumer-channel.js'
import { createDelivery, move } from './delivery.js'
import type { Settling } from './delivery.js'
import { publishedAt, readIncoming } from './incoming.js'
import { failedHeaders, newLetter } from './letter.js'
import type { LinkKeeper } from './link-keeper.js'
import { createPublisher } from './publisher.js'
import { HEADERS, failedQueue } from './topology.js'
import { createQueueSet } from './queue-set.js'
import type { QueueSet } from './queue-set.js'

export interface RabbitQueueOptions {
  /** Milliseconds that a job may take: the broker has to wait so long for its ack. Undefined: nobody consumes. */
  readonly deliveryTimeoutMs?: number
  /** Milliseconds that one message may take to be published, whatever the broker's state; default 5 minutes. */
  readonly publishLimitMs?: number
  /** Told whether the broker knows of a consumer: false from when it has to be told (again) until it is. */
  readonly onConsuming?: (consuming: boolean) => void
}

/**
 * Connections that queues share. Consumers have one of their own, which never publishes: a broker that is short of memory or
 * disk stops reading from those that do, and acks would wait with the messages.
 */
export interface Links {
  readonly keeper: LinkKeeper
  /** Opened when it is first asked for. Rejects as {@link keepLink} does; the signal ends the waiting. */
  readonly consuming: (signal: AbortSignal) => Promise<LinkKeeper>
}

/** Longer than it takes until a connection that broke is known to be lost. */
const LOST_WITHIN_MS = 1_000

/** Declares the queues; once more when the connection is lost meanwhile, which is no fault of theirs. */
async function declareAll(
  {
    keeper,
    queues,
    limitMs,
  }: Pick<Links, 'keeper'> & { readonly queues: QueueSet; readonly limitMs: number },
  signal: AbortSignal,
): Promise<void> {
  const limit = limitTime(signal, limitMs)
  try {
    for (;;) {
      const link = await keeper.link(signal, limitMs)
      try {
        await queues.ensureAll(link)
        return
      } catch (error) {
        if (asDuckfleetError(error).code !== 'transient') throw error
        await pause(LOST_WITHIN_MS, link.lost)
        if (!link.lost.aborted || limit.late()) throw error
      }
    }
  } finally {
    limit.release()
  }
}

/** A queue on a broker whose connections others share; see {@link Queue}. */
export async function createRabbitQueue(
  { keeper, consuming }: Links,
  queue: string,
  options: RabbitQueueOptions,
): Promise<Queue> {
  const closing = new AbortController()
  const queues = createQueueSet(queue, keeper.emit, options.deliveryTimeoutMs)
  const limitMs = options.publishLimitMs ?? 300_000
  const publisher = createPublisher({ keeper, ensure: (...which) => queues.ensure(...which), limitMs })
  const age = createAgeMark({ keeper, work: queue, queues })
  let consumers = 0
  await declareAll({ keeper, queues, limitMs }, closing.signal)

  const end = async (): Promise<void> => {
    await Promise.all([publisher.close(), age.close()])
  }
  const open = async (stop: AbortSignal): Promise<ConsumerChannel> => {
    const link = await (await consuming(stop)).link(stop, Infinity)
    await queues.ensure(link, queue, false)
    return openConsumer(link, queue, options.deliveryTimeoutMs, stop)
  }

  /** Deliveries of one channel, until it is lost or the signal fires. */
  async function* deliveries(settling: Settling, stop: AbortSignal): AsyncGenerator<Delivery> {
    for (;;) {
      const message = await settling.channel.next(stop)
      if (message === undefined) return
      const incoming = readIncoming(message)
      switch (incoming.kind) {
        case 'refused': {
          const { attempts, reason, error } = incoming
          keeper.emit({ kind: 'warning', message: `a message of ${queue} goes to the failed ones: ${error}` })
          await move(settling, message, failedQueue(queue), failedHeaders(attempts, reason, error))
          break
        }
        case 'uncounted': {
          const { attempts, redeliveries } = incoming
          const headers = { [HEADERS.attempts]: attempts, [HEADERS.redeliveries]: redeliveries }
          await move(settling, message, queue, headers)
          break
        }
        case 'work': {
          age.taken({ publishedAt: publishedAt(message), again: incoming.attempts > 1 })
          const { delivery, drop } = createDelivery(settling, message, incoming)
          yield delivery
          // What a consumer holds that leaves goes back when its channel closes.
          if (!stop.aborted) await drop()
          break
        }
        default:
          incoming satisfies never
      }
    }
  }

  async function* consume(signal: AbortSignal): AsyncGenerator<Delivery> {
    const { controller, release } = linkAbort(signal, closing.signal)
    const stop = controller.signal
    const stopped = (): boolean => stop.aborted
    const tell = options.onConsuming ?? (() => undefined)
    consumers += 1
    tell(false)
    try {
      for (let failures = 0; !stopped(); failures++) {
        let channel: ConsumerChannel | undefined
        try {
          channel = await open(stop)
          tell(true)
          for await (const delivery of deliveries({ queue, channel, publisher }, stop)) {
            failures = 0
            yield delivery
          }
        } catch (thrown) {
          if (stopped()) return
          const error = asDuckfleetError(thrown, 'transient')
          if (error.code === 'usage') throw error
          keeper.emit({ kind: 'warning', message: error.message })
        } finally {
          tell(false)
          await channel?.close()
        }
        // One that was closed because its consumer left is no news.
        if (channel?.lost.aborted === true && !stopped()) {
          keeper.emit({
            kind: 'warning',
            message: `the consumer of ${queue} starts again: ${String(channel.lost.reason)}`,
          })
          queues.forget(queue)
        }
        if (!stopped()) await pause(backoff(failures), stop)
      }
    } finally {
      release()
      consumers -= 1
      if (closing.signal.aborted && consumers === 0) await end()
    }
  }

  return {
    async publish(message, signal) {
      throwIfAborted(signal)
      if (closing.signal.aborted) {
        throw new DuckfleetError('transient', 'the queue is closed; nothing was published')
      }
      const letter = newLetter(message)
      await age.publishing(signal)
      await publisher.send(queue, letter, signal)
    },
    consume,
    async close() {
      closing.abort()
      // A consumer with a delivery in hand may still settle it; the last one closes the rest.
      if (consumers === 0) await end()
    },
  }
}
