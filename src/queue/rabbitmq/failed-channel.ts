import type { ConsumeMessage } from 'amqplib'
import { DuckfleetError } from '../../errors.js'
import { createWaiters } from '../waiters.js'
import type { Waiters } from '../waiters.js'
import { pause } from './backoff.js'
import { queueError, told } from './broker-errors.js'
import { openChannel } from './channel.js'
import { limited } from './limited.js'
import type { Link } from './link.js'
import { countQueue } from './queue-count.js'

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
const PREFETCH = 1000
/** Each holds up to PREFETCH messages, of which only the broker keeps the bodies. */
const MAX_CONSUMERS = 50
/** Messages that one channel holds at most. */
const MAX_HELD = PREFETCH * MAX_CONSUMERS

const ANSWER_MS = 30_000
/** For a queue that is busy. */
const PATIENCE_MS = 15_000
/** A queue that had nothing for so long is asked whether it has anything. */
const SILENCE_MS = 500
/** Whoever else takes messages of this queue may take some of those that went back. */
const RETURN_MS = 30_000
const RETURN_POLL_MS = 50

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
  /** Delivery tags in the order of the queue. */
  const held = new Set<number>()
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
    else {
      arrived.push(message)
      held.add(message.fields.deliveryTag)
    }
    changed.wake()
  }
  const addConsumer = async (): Promise<void> => {
    tags.push((await answer(channel.consume(queue, deliver))).consumerTag)
  }
  const throwIfLost = (): void => {
    if (lost.signal.aborted) throw lostError(queue, lost.signal.reason)
  }

  const count = async (): Promise<number> => {
    const counts = await countQueue(channel, queue, PATIENCE_MS)
    if (counts !== 'busy') return counts.ready
    throw new DuckfleetError('transient', `the queue ${queue} is too busy to tell how full it is; try again`)
  }
  /** The broker puts messages back after it was told to: whoever looks next should see them all. */
  const settled = async (ready: number): Promise<void> => {
    const end = performance.now() + RETURN_MS
    for (;;) {
      if ((await count()) >= ready || performance.now() >= end) return
      await pause(RETURN_POLL_MS, lost.signal)
    }
  }

  const waiting = await count()
  await answer(channel.prefetch(PREFETCH))

  return {
    waiting,
    lost: lost.signal,
    async next(signal) {
      // What is on its way may come after the answer that nothing is ready: only the second one in a row counts.
      for (let empty = 0; empty < 2;) {
        throwIfLost()
        if (signal.aborted)
          throw new DuckfleetError('aborted', 'stopped on request', { cause: signal.reason })
        const message = arrived.shift()
        if (message !== undefined) return message
        if (held.size >= MAX_HELD) return 'full'
        if (tags.length * PREFETCH - held.size < PREFETCH / 2 && tags.length < MAX_CONSUMERS)
          await addConsumer()
        await quiet(changed, signal)
        if (arrived.length > 0) continue
        empty = (await count()) === 0 ? empty + 1 : 0
      }
      return undefined
    },
    ack(message) {
      throwIfLost()
      channel.ack(message)
      held.delete(message.fields.deliveryTag)
    },
    close() {
      closing ??= (async () => {
        throwIfLost()
        // First, or what goes back would come again.
        await Promise.all(tags.map((tag) => answer(channel.cancel(tag))))
        const ready = await count()
        // One by one, or they would be put back in no order. Several consumers' come back in blocks nevertheless.
        for (const deliveryTag of held)
          channel.nack({ fields: { deliveryTag } } as ConsumeMessage, false, true)
        await settled(ready + held.size)
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
