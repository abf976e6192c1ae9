import type { ConsumeMessage } from 'amqplib'
import { DuckfleetError } from '../../errors.js'
import { createWaiters } from '../waiters.js'
import type { Waiters } from '../waiters.js'
import { queueError, told } from './broker-errors.js'
import { openChannel } from './channel.js'
import { limited } from './limited.js'
import type { Link } from './link.js'

/** A channel that takes messages of a queue in order, and holds those that are not acked. */
export interface HoldingChannel {
  /** Messages that were ready at the start. */
  readonly waiting: number
  /** Fires when the broker has taken back what is held; its reason is a sentence. */
  readonly lost: AbortSignal
  /** The next one; undefined when none is ready, `full` when no more can be held. Rejects with `transient`. */
  next(signal: AbortSignal): Promise<ConsumeMessage | 'full' | undefined>
  ack(message: ConsumeMessage): void
  /** What is not acked goes back. Rejects with `transient` when the broker may not know of all acks. Can be called twice. */
  close(): Promise<void>
}

/** Messages that a consumer is sent ahead: that many bodies are in memory at most, and half as many again. */
const PREFETCH = 250
/** Each holds up to PREFETCH messages, of which only the broker keeps the bodies. */
const MAX_CONSUMERS = 200
/** Messages that one channel holds at most. */
const MAX_HELD = PREFETCH * MAX_CONSUMERS

const ANSWER_MS = 30_000
/** A queue that had nothing for so long is asked whether it has anything. */
const SILENCE_MS = 500

/**
 * Several consumers on one channel, a further one whenever those before hold all that they may: a single one with a
 * prefetch as high would be sent everything at once.
 */
export async function openHolding(link: Link, queue: string): Promise<HoldingChannel> {
  const channel = await openChannel(link, () => link.model.createChannel())
  const changed = createWaiters()
  const lost = new AbortController()
  const arrived: ConsumeMessage[] = []
  const tags: string[] = []
  let held = 0
  let closing: Promise<void> | undefined
  const end = (reason: string): void => {
    lost.abort(reason)
    changed.wake()
  }
  channel.on('error', (error: Error) => {
    end(told(error))
  })
  channel.on('close', () => {
    end('the connection to RabbitMQ was lost')
  })
  const answer = <T>(work: Promise<T>): Promise<T> =>
    limited(ANSWER_MS, `RabbitMQ does not answer for the queue ${queue}`, work).catch((error: unknown) => {
      throw queueError(error, queue)
    })
  const deliver = (message: ConsumeMessage | null): void => {
    if (message === null) end(`RabbitMQ ended the consumer of ${queue}: its queue was deleted, or is away`)
    else arrived.push(message)
    changed.wake()
  }
  const addConsumer = async (): Promise<void> => {
    tags.push((await answer(channel.consume(queue, deliver))).consumerTag)
  }
  const throwIfLost = (): void => {
    if (lost.signal.aborted) throw lostError(queue, lost.signal.reason)
  }

  const { messageCount: waiting } = await answer(channel.checkQueue(queue))
  await answer(channel.prefetch(PREFETCH))

  return {
    waiting,
    lost: lost.signal,
    async next(signal) {
      // What is on its way may come after the answer that nothing is ready: only the second one in a row counts.
      for (let empty = 0; empty < 2; ) {
        throwIfLost()
        if (signal.aborted) throw new DuckfleetError('aborted', 'stopped on request', { cause: signal.reason })
        const message = arrived.shift()
        if (message !== undefined) {
          held += 1
          return message
        }
        if (held >= MAX_HELD) return 'full'
        if (tags.length * PREFETCH - held < PREFETCH / 2 && tags.length < MAX_CONSUMERS) await addConsumer()
        await quiet(changed, signal)
        if (arrived.length > 0) continue
        const { messageCount } = await answer(channel.checkQueue(queue))
        empty = messageCount === 0 ? empty + 1 : 0
      }
      return undefined
    },
    ack(message) {
      throwIfLost()
      channel.ack(message)
      held -= 1
    },
    close() {
      closing ??= (async () => {
        throwIfLost()
        // First, or what goes back would come again.
        await Promise.all(tags.map((tag) => answer(channel.cancel(tag))))
        channel.nackAll(true)
        await answer(channel.close())
      })()
      return closing
    },
  }
}

/** Waits for a change, but not for ever. */
async function quiet(changed: Waiters, signal: AbortSignal): Promise<void> {
  const limit = new AbortController()
  const timer = setTimeout(() => {
    limit.abort()
  }, SILENCE_MS)
  const stop = (): void => {
    limit.abort()
  }
  signal.addEventListener('abort', stop)
  try {
    await changed.wait(limit.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

function lostError(queue: string, reason: unknown): DuckfleetError {
  const sentence = `RabbitMQ has taken back the messages of ${queue}: ${String(reason)}`
  return new DuckfleetError('transient', sentence)
}
