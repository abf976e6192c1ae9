/**
 * One message in the hands of one consumer. Exactly one of `ack`, `retry`, `release` and `fail` is called, once; each
 * resolves when the queue has it for sure. A delivery that its consumer drops without any (crash, lost connection) comes back.
 */
export interface Delivery {
  /**
   * Fires when the queue has taken the delivery back (connection lost, delivery timeout): whoever works on it should
   * stop, because somebody else gets the message. Settling it then rejects with `transient`.
   */
  readonly lost: AbortSignal
  /** UTF-8 text, as it was published. */
  readonly body: string
  /** As it was published; undefined when there was none. */
  readonly id: string | undefined
  /**
   * Milliseconds since 1970, by the publisher's clock, or the beginning of that second; undefined when it did not say. The last
   * time, of one moved back by hand.
   */
  readonly publishedAt: number | undefined
  /** Which try this is: 1 at first, one more after every `retry`. A dropped delivery may count or not. */
  readonly attempts: number
  /** Done: its outcome is durable. The message is gone. */
  ack(): Promise<void>
  /** Back to the queue, not to be delivered for `delayMs` milliseconds. */
  retry(reason: string, delayMs: number): Promise<void>
  /** Back to the queue at once, as if it had never been delivered: this try does not count. */
  release(): Promise<void>
  /** Over: to the failed messages, with the reason (one word, such as an error code) and the error (a sentence). */
  fail(reason: string, error: string): Promise<void>
}

/** A message on its way to a queue. */
export interface OutgoingMessage {
  readonly body: string
  /** Stable: the same work published twice has the same id. Told to people; the queue itself delivers both. */
  readonly id?: string
  /**
   * Milliseconds since 1970, kept in whole seconds; default: now. Whoever sends a message again, or hands it on, says when that
   * was at first: what was written to its destination since then is not replaced.
   */
  readonly publishedAt?: number | undefined
}

/** What is kept of a message that failed. */
export interface FailedMessage {
  readonly body: string
  readonly id: string | undefined
  readonly attempts: number
  readonly reason: string
  readonly error: string
}

/**
 * A queue of messages, delivered at least once, about in the order in which they became ready. Every message is
 * in one place: ready, delayed, with a consumer, or failed. The queue decides nothing about retries: who consumes does.
 *
 * All operations reject with a DuckfleetError: `transient` when the broker is not there or the queue was closed,
 * `aborted` when the signal fired.
 */
export interface Queue {
  /** Resolves when the message is in the queue for sure (publisher confirm); waits while the queue is full. */
  publish(message: OutgoingMessage, signal: AbortSignal): Promise<void>
  /**
   * A consumer with a prefetch of 1: the next message is taken when the loop asks for it. Ends when the signal
   * fires or the queue is closed; leaving the loop ends it too. A delivery in hand can be settled after the signal.
   */
  consume(signal: AbortSignal): AsyncIterable<Delivery>
  /** Ends all consumers and lets go of the broker. Can be called twice. */
  close(): Promise<void>
}
