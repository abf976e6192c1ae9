import type { Queue } from '../port.js'
import { keepLink } from './link-keeper.js'
import type { LinkKeeper, RabbitOptions } from './link-keeper.js'
import { createRabbitQueue } from './queue.js'
import type { Links, RabbitQueueOptions } from './queue.js'

/** Connections to RabbitMQ that several queues share. */
export interface Broker {
  /**
   * The queue of this name, declared with its failed messages if it is not there. Rejects with a DuckfleetError,
   * `usage` when access to it is refused.
   */
  queue(name: string, options?: RabbitQueueOptions): Promise<Queue>
  /** Closes the queues and the connections. What is in hand goes back. Can be called twice. */
  close(): Promise<void>
}

/**
 * Connects to RabbitMQ, and again whenever a connection is lost, until `close`; a second time for those that consume. The signal ends the waiting for a
 * first connection only: jobs in hand are settled after a stop was asked for. Rejects with a DuckfleetError: `usage` when
 * fresh credentials were refused, `transient` when the broker was not there in time, `aborted`.
 */
export async function connectRabbit(options: RabbitOptions, signal: AbortSignal): Promise<Broker> {
  const keeper = await keepLink(options, signal)
  const second = openSecond(options)
  const queues = new Set<Queue>()
  return {
    async queue(name, queueOptions = {}) {
      const queue = await createRabbitQueue({ keeper, consuming: second.open }, name, queueOptions)
      queues.add(queue)
      return queue
    },
    async close() {
      await Promise.all([...queues].map((queue) => queue.close()))
      queues.clear()
      await Promise.all([keeper.close(), second.close()])
    },
  }
}

/** A connection for consumers, when there are any. */
function openSecond(options: RabbitOptions): { readonly open: Links['consuming']; close(): Promise<void> } {
  let opening: Promise<LinkKeeper> | undefined
  // What happens to the broker, the first connection tells; when only this one is lost, its consumers do.
  const onEvent: RabbitOptions['onEvent'] = (event) => {
    if (event.kind === 'warning') options.onEvent?.(event)
  }
  return {
    open(signal) {
      opening ??= keepLink({ ...options, onEvent }, signal).catch((error: unknown) => {
        opening = undefined
        throw error
      })
      return opening
    },
    async close() {
      await (await opening?.catch(() => undefined))?.close()
    },
  }
}
