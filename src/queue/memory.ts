import { throwIfAborted } from '../abort.js'
import { DuckfleetError } from '../errors.js'
import type { Delivery, FailedMessage, OutgoingMessage, Queue } from './port.js'
import { createWaiters } from './waiters.js'

export interface MemoryQueueOptions {
  /** Messages that may be ready at once; who publishes more waits. */
  readonly capacity: number
}

/** A queue inside this process, for runs on one machine and for tests. Nothing outlives the process. */
export interface MemoryQueue extends Queue {
  /** Resolves when every message is acked or failed; also when the queue is closed or the signal fires. */
  drained(signal: AbortSignal): Promise<void>
  failed(): readonly FailedMessage[]
}

interface Message extends OutgoingMessage {
  readonly attempts: number
}

const NEVER = new AbortController().signal

export function createMemoryQueue({ capacity }: MemoryQueueOptions): MemoryQueue {
  const ready: Message[] = []
  const timers = new Set<NodeJS.Timeout>()
  const failed: FailedMessage[] = []
  const changed = createWaiters()
  let inHand = 0
  let closed = false

  const add = (message: Message, where: 'front' | 'back'): void => {
    if (closed) return
    if (where === 'front') ready.unshift(message)
    else ready.push(message)
    changed.wake()
  }
  const delay = (message: Message, delayMs: number): void => {
    if (closed) return
    const timer = setTimeout(() => {
      timers.delete(timer)
      add(message, 'back')
    }, delayMs)
    timers.add(timer)
  }

  /** The delivery, and what to do when its consumer leaves without settling it. */
  const deliver = (message: Message): { readonly delivery: Delivery; readonly drop: () => void } => {
    let settled = false
    inHand += 1
    const settle = (then: () => void): Promise<void> => {
      if (settled) {
        return Promise.reject(
          new DuckfleetError('usage', 'a delivery was settled twice; report this as a bug'),
        )
      }
      settled = true
      inHand -= 1
      then()
      changed.wake()
      return Promise.resolve()
    }
    const { body, id, publishedAt, attempts } = message
    const delivery: Delivery = {
      lost: NEVER,
      body,
      id,
      publishedAt,
      attempts,
      ack: () => settle(() => undefined),
      retry: (_reason, delayMs) =>
        settle(() => {
          delay({ ...message, attempts: attempts + 1 }, delayMs)
        }),
      release: () =>
        settle(() => {
          add(message, 'front')
        }),
      fail: (reason, error) => settle(() => failed.push({ body, id, attempts, reason, error })),
    }
    const drop = (): void => {
      if (!settled) void delivery.release()
    }
    return { delivery, drop }
  }

  async function* consume(signal: AbortSignal): AsyncGenerator<Delivery> {
    while (!closed && !signal.aborted) {
      const message = ready.shift()
      if (message === undefined) {
        await changed.wait(signal)
        continue
      }
      changed.wake()
      const { delivery, drop } = deliver(message)
      try {
        yield delivery
      } finally {
        drop()
      }
    }
  }

  return {
    async publish(message, signal) {
      while (ready.length >= capacity && !closed && !signal.aborted) await changed.wait(signal)
      throwIfAborted(signal)
      if (closed) throw new DuckfleetError('transient', 'the queue is closed; nothing was published')
      add({ ...message, attempts: 1 }, 'back')
    },
    consume,
    async drained(signal) {
      while (!closed && !signal.aborted && ready.length + timers.size + inHand > 0) await changed.wait(signal)
    },
    failed: () => [...failed],
    close() {
      closed = true
      ready.length = 0
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
      changed.wake()
      return Promise.resolve()
    },
  }
}
