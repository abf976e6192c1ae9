import type { ConsumeMessage } from 'amqplib'
import { DuckfleetError } from '../../errors.js'
import type { FailedView, HeldMessage } from '../port-failed.js'
import { isNotFound } from './broker-errors.js'
import { declareQueue } from './declare.js'
import { openHolding } from './failed-channel.js'
import type { HoldingChannel } from './failed-channel.js'
import { readFailed } from './failed-message.js'
import { headersOf, wholeNumber } from './incoming.js'
import { againLetter } from './letter.js'
import type { Link } from './link.js'
import type { Publisher } from './publisher.js'
import { failedArguments } from './queue-arguments.js'
import { failedQueue } from './topology.js'

/** From RabbitMQ 4.0 on a queue of somebody else's drops what went back 20 times. */
const WARY_FROM = 10

/** The failed messages of a work queue; `send` takes those that go back to it. */
export async function openFailedView(link: Link, work: string, send: Publisher['send']): Promise<FailedView> {
  const queue = failedQueue(work)
  const channel = await holding(link, queue)
  if (channel === undefined) return NOTHING
  let seen = 0
  let safe = false

  /** Looking must not use messages up. */
  const check = async (message: ConsumeMessage): Promise<void> => {
    const returned = wholeNumber(headersOf(message.properties)['x-delivery-count']) ?? 0
    if (safe || returned < WARY_FROM || !link.version.atLeast(4, 0)) return
    safe = (await declareQueue(link, queue, failedArguments(link))) === 'wanted'
    if (safe) return
    const hint = `set a policy with delivery-limit -1 for it`
    throw new DuckfleetError(
      'usage',
      `messages of ${queue} were looked at ${returned} times, and RabbitMQ may drop them after 20: ${hint}`,
    )
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
      await check(message)
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
