import type { Channel } from 'amqplib'
import { isAccessRefused, isNotFound, isPrecondition, queueError } from './broker-errors.js'
import { pause } from './backoff.js'
import { openChannel } from './channel.js'
import { limited } from './limited.js'
import type { Link } from './link.js'
import type { QueueArguments } from './queue-arguments.js'

/** `wanted`: the queue has the arguments that were tried first. `other`: it is there, and has others. */
type Found = 'wanted' | 'other'

/** Milliseconds for one answer. */
const ANSWER_MS = 30_000

/**
 * Milliseconds before a new queue is used: a broker that is killed sooner may forget the log of a quorum queue, and with it
 * what it had confirmed.
 */
const SETTLE_MS = 1_500

/**
 * Makes sure that a durable queue is there, with the first of `candidates` that the broker takes. One that is there
 * already stays as it is, whatever its arguments. Throws a DuckfleetError, `usage` when access is refused.
 */
export async function declareQueue(
  link: Link,
  name: string,
  candidates: readonly QueueArguments[],
): Promise<Found> {
  const isNew = !(await exists(link, name))
  let refusal: unknown
  for (const [index, args] of candidates.entries()) {
    try {
      // The broker compares a queue that is there with these arguments, and changes nothing.
      await onChannel(link, name, (channel) => channel.assertQueue(name, { durable: true, arguments: args }))
      if (isNew) await pause(SETTLE_MS, link.lost)
      return index === 0 ? 'wanted' : 'other'
    } catch (error) {
      // Other arguments, or some that it does not know, or no right to make queues.
      if (!isPrecondition(error) && !isAccessRefused(error)) throw queueError(error, name)
      refusal ??= error
    }
    if (await exists(link, name)) return 'other'
  }
  throw queueError(refusal ?? new Error('no arguments to declare it with'), name)
}

async function exists(link: Link, name: string): Promise<boolean> {
  try {
    await onChannel(link, name, (channel) => channel.checkQueue(name))
    return true
  } catch (error) {
    if (isNotFound(error)) return false
    throw queueError(error, name)
  }
}

/** On a channel of its own: the broker closes a channel on which something failed. */
async function onChannel(
  link: Link,
  name: string,
  run: (channel: Channel) => Promise<unknown>,
): Promise<void> {
  const silence = `RabbitMQ does not answer for the queue ${name}`
  try {
    const channel = await openChannel(link, () => link.model.createChannel())
    await limited(ANSWER_MS, silence, run(channel))
    await limited(ANSWER_MS, silence, channel.close())
  } catch (error) {
    // The channel's own error says only that it ended.
    throw link.lost.aborted ? new Error(String(link.lost.reason), { cause: error }) : error
  }
}
