import type { ConsumeMessage } from 'amqplib'
import { DuckfleetError } from '../../errors.js'
import type { FailedView, HeldMessage } from '../port-failed.js'
import { isNotFound } from './broker-errors.js'
import { openHolding } from './failed-channel.js'
import type { HoldingChannel } from './failed-channel.js'
import { readFailed } from './failed-message.js'
import { againLetter } from './letter.js'
import type { Link } from './link.js'
import type { LookGuard } from './look-guard.js'
import type { Publisher } from './publisher.js'
import { failedQueue } from './topology.js'

/** The failed messages of a work queue; `send` takes those that go back to it. Throws what the guard does. */
export async function openFailedView(
  link: Link,
  work: string,
  send: Publisher['send'],
  guard: LookGuard,
): Promise<FailedView> {
  const queue = failedQueue(work)
  const channel = await holding(link, queue)
  if (channel === undefined) return NOTHING
  let seen = 0
  try {
    if (channel.waiting > 0) await guard.begin()
  } catch (error) {
    await channel.close().catch(() => undefined)
    throw error
  }
  const hold = (message: ConsumeMessage): HeldMessage => ({
    message: { ...readFailed(message), content: message.content },
    async retry() {
      await send(work, againLetter(message), channel.lost)
      channel.ack(message)
    },
    drop() {
      channel.ack(message)
    },
  })
  return {
    waiting: channel.waiting,
    unseen: () => Math.max(0, channel.waiting - seen),
    async next(signal) {
      // What fails while this goes on comes later, and must not make it endless.
      if (seen >= channel.waiting) return undefined
      const message = await channel.next(signal)
      if (message === 'full') return undefined
      if (message === undefined) {
        // Somebody else took the others.
        seen = channel.waiting
        return undefined
      }
      guard.check(message)
      seen += 1
      return hold(message)
    },
    close: () => channel.close(),
  }
}

async function holding(link: Link, queue: string): Promise<HoldingChannel | undefined> {
  try {
    return await openHolding(link, queue)
  } catch (error) {
    if (error instanceof DuckfleetError && isNotFound(error.cause)) return undefined
    throw error
  }
}

/** Of a queue that is not there: nothing has failed yet. */
const NOTHING: FailedView = {
  waiting: 0,
  unseen: () => 0,
  next: () => Promise.resolve(undefined),
  close: () => Promise.resolve(),
}
