import { declareQueue } from './declare.js'
import type { LinkKeeper } from './link-keeper.js'
import type { Link } from './link.js'
import { ageArguments, failedArguments, retryArguments, workArguments } from './queue-arguments.js'
import type { QueueArguments } from './queue-arguments.js'
import { ageQueue, failedQueue, retryQueues } from './topology.js'

/** A work queue and the queues that belong to it, declared when they are needed, and again after a connection was lost. */
export interface QueueSet {
  /** The work queue and the failed messages; says what to set when the broker would take long jobs back. */
  ensureAll(link: Link): Promise<void>
  /** Makes sure that one is there; `again` when it turned out not to be. */
  ensure(link: Link, name: string, again: boolean): Promise<void>
  /** It may be gone. */
  forget(name: string): void
}

const MINUTES = 60_000
/** How long a broker waits for an ack unless it was told otherwise. */
const STOCK_TIMEOUT_MS = 30 * MINUTES

export function createQueueSet(
  work: string,
  emit: LinkKeeper['emit'],
  deliveryTimeoutMs: number | undefined,
): QueueSet {
  const known = new Map<string, { readonly link: Link; readonly found: ReturnType<typeof declareQueue> }>()

  const declare = (link: Link, name: string, again: boolean): ReturnType<typeof declareQueue> => {
    const before = known.get(name)
    // As long as that connection lives, the broker did not start anew: the others need not look again.
    if (before !== undefined && !before.link.lost.aborted && !again) return before.found
    const found = declareQueue(link, name, argumentsOf(work, name, link))
    known.set(name, { link, found })
    found.catch(() => {
      if (known.get(name)?.found === found) known.delete(name)
    })
    return found
  }
  return {
    async ensure(link, name, again) {
      await declare(link, name, again)
    },
    async ensureAll(link) {
      // A new queue takes a while, and whoever needs this one says so when it cannot be.
      void declare(link, ageQueue(work), false).catch(() => undefined)
      const [found] = await Promise.all([declare(link, work, false), declare(link, failedQueue(work), false)])
      const warning = timeoutWarning(work, link, found === 'wanted', deliveryTimeoutMs)
      if (warning !== undefined) emit({ kind: 'warning', message: warning })
    },
    forget(name) {
      known.delete(name)
    },
  }
}

function argumentsOf(work: string, name: string, link: Link): readonly QueueArguments[] {
  if (name === failedQueue(work)) return failedArguments(link)
  if (name === ageQueue(work)) return ageArguments()
  const retry = retryQueues(work).find((queue) => queue.name === name)
  return retry === undefined ? workArguments(work, link) : retryArguments(work, retry, link)
}

/** What to set when the broker may take a message back before its job is over; `ours`: the queue was declared by us. */
function timeoutWarning(
  queue: string,
  { version }: Link,
  ours: boolean,
  wantedMs: number | undefined,
): string | undefined {
  if (wantedMs === undefined || wantedMs <= STOCK_TIMEOUT_MS) return undefined
  // From 4.3 on each consumer says it, from 3.12 on our queues do.
  if (version.atLeast(4, 3) || (version.atLeast(3, 12) && ours)) return undefined
  const what = version.atLeast(3, 12)
    ? `set a policy with consumer-timeout ${wantedMs} for the queue ${queue}`
    : `set consumer_timeout = ${wantedMs} in its rabbitmq.conf`
  return (
    `RabbitMQ ${version.text} takes a message back after 30 minutes unless it was told otherwise, and a job may take ` +
    `${Math.ceil(wantedMs / MINUTES)}: ${what}`
  )
}
