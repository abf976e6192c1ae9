import { DuckfleetError } from '../../errors.js'
import type { FamilyDepth, QueueDepth } from '../port-depth.js'
import type { Counted } from './passive-depth.js'
import { failedQueue, retryQueues } from './topology.js'

/** What the management API tells. */
export interface QueueDetails extends Pick<
  QueueDepth,
  'inWork' | 'publishRate' | 'ackRate' | 'messageBytes' | 'oldestAt'
> {
  /** Older than what AMQP tells, for a queue that was too busy to tell. */
  readonly ready: number | undefined
  readonly consumers: number | undefined
  /** What a policy makes it lose: sentences. */
  readonly losses: readonly string[]
}

const UNKNOWN: QueueDetails = {
  ready: undefined,
  consumers: undefined,
  inWork: undefined,
  publishRate: undefined,
  ackRate: undefined,
  messageBytes: undefined,
  oldestAt: undefined,
  losses: [],
}

/**
 * Puts together what is known of a work queue and of those that belong to it, by their names; `oldestAt`: what its workers
 * and publishers left, which is good enough where the broker does not tell. Throws a DuckfleetError
 * `transient` when nobody knows how full one is.
 */
export function familyOf(
  work: string,
  { counted: counts, oldestAt }: { readonly counted: Counted; readonly oldestAt: number | undefined },
  details: ReadonlyMap<string, QueueDetails>,
): FamilyDepth {
  const look = (name: string): QueueDepth => {
    const counted = counts.get(name)
    if (counted === undefined) return noSuchQueue(name)
    const told = details.get(name) ?? UNKNOWN
    if (counted !== 'busy') return { name, exists: true, ...told, ...counted }
    if (told.ready !== undefined) return { name, exists: true, ...told, ready: told.ready }
    throw new DuckfleetError('transient', `the queue ${name} is too busy to tell how full it is; try again`)
  }
  const retries = retryQueues(work).map(({ name }) => look(name))
  const first = look(work)
  return {
    work: { ...first, oldestAt: first.oldestAt ?? oldestAt },
    retry: {
      name: `${work}.retry`,
      exists: retries.some(({ exists }) => exists),
      ready: sum(retries, 'ready') ?? 0,
      inWork: sum(retries, 'inWork'),
      consumers: sum(retries, 'consumers'),
      publishRate: sum(retries, 'publishRate'),
      ackRate: sum(retries, 'ackRate'),
      messageBytes: sum(retries, 'messageBytes'),
      // Its next message is not the oldest one of all.
      oldestAt: undefined,
    },
    failed: look(failedQueue(work)),
  }
}

function noSuchQueue(name: string): QueueDepth {
  return {
    name,
    exists: false,
    ready: 0,
    inWork: 0,
    consumers: 0,
    publishRate: 0,
    ackRate: 0,
    messageBytes: 0,
    oldestAt: undefined,
  }
}

type Figure = 'ready' | 'inWork' | 'consumers' | 'publishRate' | 'ackRate' | 'messageBytes'

/** Not known as soon as one of them is not. */
function sum(queues: readonly QueueDepth[], figure: Figure): number | undefined {
  return queues.reduce<number | undefined>((total, queue) => {
    const value = queue[figure]
    return total === undefined || value === undefined ? undefined : total + value
  }, 0)
}
