import { throwIfAborted } from '../abort.js'
import type { Queue } from '../queue/port.js'
import type { PlannedMessage, SizeClass } from './publish-plan.js'
import { retried } from './publish-retry.js'
import type { RetryPolicy } from './retry.js'

/** On top of what the queue itself waits for its broker to come back. */
const BROKER_RETRY = { attempts: 4, baseMs: 500, maxMs: 10_000 } as const

export interface SenderOptions {
  readonly queues: Readonly<Record<SizeClass, Pick<Queue, 'publish'>>>
  /** Messages that may wait for their confirm at once. */
  readonly inFlight: number
  readonly retry?: Pick<RetryPolicy, 'attempts' | 'baseMs' | 'maxMs'>
  readonly onConfirmed: (message: PlannedMessage) => void
  /** A message could not be sent in all its tries: nothing more makes sense. */
  readonly onFailure: (error: unknown) => void
}

/** Sends many messages at once, but not too many. */
export interface Sender {
  /** Resolves when the message is on its way. Rejects with `aborted` only. */
  send(message: PlannedMessage): Promise<void>
  /** Resolves when nothing is on its way any more. */
  drained(): Promise<void>
}

/** A sender that is stopped by the signal; whoever is told of a failure fires it. */
export function createSender(options: SenderOptions, signal: AbortSignal): Sender {
  const { queues, inFlight: most, retry = BROKER_RETRY, onConfirmed, onFailure } = options
  const waiting: (() => void)[] = []
  let inFlight = 0
  const wait = (): Promise<void> => new Promise((resolve) => waiting.push(resolve))
  const deliver = async (message: PlannedMessage): Promise<void> => {
    try {
      const { queue, body, id } = message
      // Once: a try whose confirm was lost may have arrived, and be done, before the next one.
      const publishedAt = Date.now()
      await retried(() => queues[queue].publish({ body, id, publishedAt }, signal), retry, signal)
      onConfirmed(message)
    } catch (error) {
      onFailure(error)
    } finally {
      inFlight -= 1
      for (const wake of waiting.splice(0)) wake()
    }
  }
  return {
    async send(message) {
      while (inFlight >= most && !signal.aborted) await wait()
      throwIfAborted(signal)
      inFlight += 1
      void deliver(message)
    },
    async drained() {
      while (inFlight > 0) await wait()
    },
  }
}
