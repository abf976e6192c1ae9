import type { Queue } from '../port.js'
import { keepLink } from './link-keeper.js'
import type { RabbitOptions } from './link-keeper.js'
import { createRabbitQueue } from './queue.js'
import type { RabbitQueueOptions } from './queue.js'

/** A connection to RabbitMQ that several queues share. */
export interface Broker {
  /**
   * The queue of this name, declared with its failed messages if it is not there. Rejects with a DuckfleetError,
   * `usage` when access to it is refused.
   */
  queue(name: string, options?: RabbitQueueOptions): Promise<Queue>
  /** Closes the queues and the connection. What is in hand goes back. Can be called twice. */
  close(): Promise<void>
}

/**
 * Connects to RabbitMQ, and again whenever the connection is lost, until `close`. The signal ends the waiting for a
 * first connection only: jobs in hand are settled after a stop was asked for. Rejects with a DuckfleetError: `usage` when
 * fresh credentials were refused, `transient` when the broker was not there in time, `aborted`.
 */
export async function connectRabbit(options: RabbitOptions, signal: AbortSignal): Promise<Broker> {
  const keeper = await keepLink(options, signal)
  const queues = new Set<Queue>()
  return {
    async queue(name, queueOptions = {}) {
      const queue = await createRabbitQueue(keeper, name, queueOptions)
      queues.add(queue)
      return queue
    },
    async close() {
      await Promise.all([...queues].map((queue) => queue.close()))
      queues.clear()
      await keeper.close()
    },
  }
}
