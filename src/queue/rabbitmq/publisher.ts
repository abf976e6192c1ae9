import { setMaxListeners } from 'node:events'
import { limitTime, throwIfAborted } from '../../abort.js'
import { DuckfleetError } from '../../errors.js'
import { createWaiters } from '../waiters.js'
import { backoff, pause } from './backoff.js'
import { createConfirmChannel } from './confirm-channel.js'
import type { ConfirmSession } from './confirm-channel.js'
import type { Letter } from './letter.js'
import type { LinkKeeper } from './link-keeper.js'
import { limited } from './limited.js'
import type { Link } from './link.js'

/** Milliseconds that a channel which is still being opened has to come, before it is left. */
const CLOSE_LIMIT_MS = 5_000
const TELL_EVERY_MS = 60_000

/** Sends messages to queues, each for sure. */
export interface Publisher {
  /**
   * Resolves when the broker has it in the queue. Waits while the broker is away, blocks, or refuses it because the queue is full;
   * rejects with `transient` after the limit, and when the connection broke before an answer: it may be there, or not.
   */
  send(queue: string, letter: Letter, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

interface PublisherDeps {
  readonly keeper: LinkKeeper
  /** Makes sure that the queue is there; `again` when it turned out not to be. */
  readonly ensure: (link: Link, queue: string, again: boolean) => Promise<void>
  /** Milliseconds for one message in all. */
  readonly limitMs: number
}

export function createPublisher({ keeper, ensure, limitMs }: PublisherDeps): Publisher {
  let slot: Slot | undefined
  let toldFull = -Infinity

  /** Whoever waits wants to know for what; once for all messages that are under way. */
  const tellFull = (queue: string): void => {
    if (performance.now() - toldFull < TELL_EVERY_MS) return
    toldFull = performance.now()
    const why = `the queue ${queue} has as many messages as it may hold`
    keeper.emit({ kind: 'waiting', message: `RabbitMQ refuses messages for now: ${why}; waiting for room` })
  }

  const sessionOf = (link: Link): Promise<ConfirmSession> => {
    if (slot === undefined || slot.link !== link || slot.stale) slot = openSlot(link)
    return slot.opening
  }

  const prepare = async (link: Link, queue: string): Promise<ConfirmSession> => {
    await ensure(link, queue, false)
    return sessionOf(link)
  }

  /** A channel that may be written to now. */
  const writable = async (
    queue: string,
    deadline: number,
    signal: AbortSignal,
  ): Promise<[Link, ConfirmSession]> => {
    for (;;) {
      const left = Math.max(deadline - performance.now(), 1)
      const link = await keeper.link(signal, left)
      const limit = limitTime(signal, left)
      try {
        if (!link.isBlocked()) {
          // Nothing was sent yet, so that a connection that breaks here does not matter.
          const preparing = prepare(link, queue).catch((error: unknown) => {
            if (!link.lost.aborted) throw error
          })
          // One that the broker has begun to block answers nothing.
          const session = await beforeSignal(limit.signal, preparing)
          if (session?.isFull() === false) return [link, session]
          await session?.drained(limit.signal)
        } else await keeper.changed.wait(limit.signal)
      } finally {
        limit.release()
      }
      throwIfAborted(signal)
      if (performance.now() >= deadline) {
        throw new DuckfleetError('transient', `RabbitMQ takes no messages; waited ${limitMs / 1000} s`)
      }
    }
  }

  return {
    async send(queue, letter, signal) {
      // As many wait for it as there are messages in flight, and that is no leak.
      setMaxListeners(0, signal)
      const deadline = performance.now() + limitMs
      for (let failures = 0; ; failures++) {
        const [link, session] = await writable(queue, deadline, signal)
        const outcome = await session.publish(queue, letter, deadline - performance.now(), signal)
        if (outcome === 'confirmed') return
        if (performance.now() >= deadline || (outcome === 'unroutable' && failures > 3)) {
          const why = outcome === 'full' ? 'it is full' : 'it is not there'
          throw new DuckfleetError(
            'transient',
            `RabbitMQ did not take a message for the queue ${queue}: ${why}`,
          )
        }
        if (outcome === 'full') {
          tellFull(queue)
          await pause(backoff(failures), signal)
        } else await ensure(link, queue, true)
        throwIfAborted(signal)
      }
    },
    async close() {
      if (slot === undefined) return
      const opened = limited(CLOSE_LIMIT_MS, 'no answer', slot.opening)
      const session = await opened.catch(() => undefined)
      await session?.close()
    },
  }
}

/** What `work` gives; undefined when the signal fires first. */
async function beforeSignal<T>(signal: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  const waiters = createWaiters()
  try {
    return await Promise.race([work, waiters.wait(signal).then(() => undefined)])
  } finally {
    waiters.wake()
  }
}

/** A channel that is there or on its way; one for all that send. */
interface Slot {
  readonly link: Link
  readonly opening: Promise<ConfirmSession>
  stale: boolean
}

function openSlot(link: Link): Slot {
  const stale = (): void => {
    slot.stale = true
  }
  const slot: Slot = { link, opening: createConfirmChannel(link, stale), stale: false }
  slot.opening.catch(stale)
  return slot
}
