import type { FamilyDepth, QueueDepth } from '../port-depth.js'
import { failedQueue, retryQueues } from './topology.js'

/** Puts a work queue and what belongs to it together, from a look at each of its queues. */
export function familyOf(work: string, look: (name: string) => QueueDepth): FamilyDepth {
  const retries = retryQueues(work).map(({ name }) => look(name))
  return {
    work: look(work),
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

export function noSuchQueue(name: string): QueueDepth {
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
