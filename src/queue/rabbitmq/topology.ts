/** Names that this project and whoever looks at its queues agree on: queues of a work queue, and fields of a message. */

/** Header fields; the body is a contract with other systems and holds none of them. */
export const HEADERS = {
  /** Which try this is; of a failed message: how many there were. */
  attempts: 'x-duckfleet-attempts',
  /** Why it was tried again or failed: one word. */
  reason: 'x-duckfleet-reason',
  /** The error, a sentence. */
  error: 'x-duckfleet-error',
  /** When it failed: ISO 8601, UTC. */
  failedAt: 'x-duckfleet-failed-at',
  /** How often it came back without an outcome, as far as the broker does not count that itself. */
  redeliveries: 'x-duckfleet-redeliveries',
  /** Tells a returned message from others in flight; means nothing later. */
  publish: 'x-duckfleet-publish',
} as const

/** The reason of a message that came back too often without an outcome. */
export const POISON = 'poison'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/**
 * Delays there are queues for, in milliseconds. Each has a queue of its own, because a message expires only at the
 * head of its queue: one with a long delay would hold up all behind it. A fixed list, because queues made for each
 * delay on demand would have to expire, and a queue that expires takes its messages along.
 */
const DELAYS: readonly (readonly [name: string, ms: number])[] = [
  ['1s', SECOND],
  ['2s', 2 * SECOND],
  ['5s', 5 * SECOND],
  ['10s', 10 * SECOND],
  ['20s', 20 * SECOND],
  ['40s', 40 * SECOND],
  ['80s', 80 * SECOND],
  ['160s', 160 * SECOND],
  ['5m', 5 * MINUTE],
  ['10m', 10 * MINUTE],
  ['20m', 20 * MINUTE],
  ['1h', HOUR],
  ['3h', 3 * HOUR],
  ['12h', 12 * HOUR],
  ['24h', 24 * HOUR],
]

/** A queue whose messages go back to the work queue after a time. */
export interface RetryQueue {
  readonly name: string
  /** Milliseconds. */
  readonly delayMs: number
}

/** Where failed messages of a work queue are. */
export function failedQueue(name: string): string {
  return `${name}.failed`
}

/** Where workers and publishers of a work queue leave since when its messages may be waiting. */
export function ageQueue(name: string): string {
  return `${name}.oldest`
}

/** Every queue in which messages of a work queue may wait for another try; each is declared when it is first needed. */
export function retryQueues(name: string): readonly RetryQueue[] {
  return DELAYS.map(([delay, delayMs]) => ({ name: `${name}.retry.${delay}`, delayMs }))
}

/** The queue with the least delay of at least `delayMs`; a day at most. Undefined: no delay, the work queue itself. */
export function retryQueue(name: string, delayMs: number): RetryQueue | undefined {
  if (delayMs <= 0) return undefined
  const queues = retryQueues(name)
  return queues.find((queue) => queue.delayMs >= delayMs) ?? queues.at(-1)
}
