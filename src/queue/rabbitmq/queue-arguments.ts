import type { Link } from './link.js'
import { failedQueue } from './topology.js'
import type { RetryQueue } from './topology.js'

/** Arguments of a queue, as the broker names them. */
export type QueueArguments = Readonly<Record<string, string | number>>

/**
 * Longer than any job may take. The same for everybody who declares the queue, whatever its job deadline: the first to
 * come decides, and a publisher knows no deadlines.
 */
const CONSUMER_TIMEOUT_MS = 3 * 24 * 60 * 60 * 1000

/** The queue of the work; what a policy or the broker throws out of it goes to the failed messages. */
export function workArguments(name: string, link: Link): readonly QueueArguments[] {
  const toFailed = deadLetterTo(failedQueue(name))
  return candidates(link, toFailed, {
    ...noDeliveryLimit(link),
    ...(link.version.atLeast(3, 12) ? { 'x-consumer-timeout': CONSUMER_TIMEOUT_MS } : {}),
  })
}

/** A queue of messages that wait; they go to the queue `name` when their time is over. */
export function retryArguments(name: string, retry: RetryQueue, link: Link): readonly QueueArguments[] {
  return candidates(link, { ...deadLetterTo(name), 'x-message-ttl': retry.delayMs }, {})
}

/**
 * The queue of failed messages: kept until a person decides. Looking at them must not use them up, and where a policy keeps
 * queues short, a new one must not push the oldest out, as it does unless told otherwise.
 */
export function failedArguments(link: Link): readonly QueueArguments[] {
  return candidates(link, REJECT_MORE, noDeliveryLimit(link))
}

/** A queue of one message, which the next one replaces. It may be lost, and is looked at often: no quorum for it. */
export function ageArguments(): readonly QueueArguments[] {
  return [{ 'x-queue-type': 'classic', 'x-max-length': 1 }]
}

/** Best first. Quorum queues hand messages on without losing any, and survive the loss of a node. */
function candidates(link: Link, basic: QueueArguments, modern: QueueArguments): readonly QueueArguments[] {
  if (!hasQuorum(link)) return [basic]
  const safely = 'x-dead-letter-exchange' in basic ? AT_LEAST_ONCE : {}
  const quorum = { ...basic, ...safely, 'x-queue-type': 'quorum' }
  return Object.keys(modern).length === 0 ? [quorum, basic] : [{ ...quorum, ...modern }, quorum, basic]
}

const REJECT_MORE = { 'x-overflow': 'reject-publish' }
const AT_LEAST_ONCE = { 'x-dead-letter-strategy': 'at-least-once', ...REJECT_MORE }

/**
 * Before 3.10 they have neither a message TTL nor at-least-once dead-lettering. Amazon MQ takes a broker out of service
 * that has one before 3.13.
 */
function hasQuorum({ version, place }: Link): boolean {
  const amazon = /\.amazonaws\.com(\.cn)?:/.test(place)
  return amazon ? version.atLeast(3, 13) : version.atLeast(3, 10)
}

/** From 4.0 on a quorum queue drops what was delivered 20 times, unless told otherwise. */
function noDeliveryLimit({ version }: Link): QueueArguments {
  return version.atLeast(4, 0) ? { 'x-delivery-limit': -1 } : {}
}

function deadLetterTo(queue: string): QueueArguments {
  return { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': queue }
}
