import type { FailedMessage } from './port.js'

/** What a queue of failed messages tells of one. */
export interface FailedDetails extends FailedMessage {
  /** ISO 8601; undefined when the broker put it there by itself. */
  readonly failedAt: string | undefined
  /** The body as it came: it may be no text. */
  readonly content: Uint8Array
}

/** A failed message that nobody else gets until it is settled, or its view closes. Settled once at most. */
export interface HeldMessage {
  readonly message: FailedDetails
  /**
   * Back to its work queue, as if it were new. It is there for sure before it is gone here: a crash in between leaves two
   * of them. Rejects with `transient`; it is still here then.
   */
  retry(): Promise<void>
  /** Gone for good. */
  drop(): void
}

/** The failed messages of a work queue, the oldest first, each once. */
export interface FailedView {
  /** How many there were at the start. */
  readonly waiting: number
  /** How many of them `next` did not give yet. */
  unseen(): number
  /**
   * Undefined when there are no more, or when so many are held that no more can be: `unseen` tells. Rejects with
   * `transient` when the broker has taken back what is held, with `aborted` when the signal fired.
   */
  next(signal: AbortSignal): Promise<HeldMessage | undefined>
  /**
   * What is held goes back to where it was. Resolves when the broker knows what was settled; rejects with `transient`
   * when it may not: dropped messages may be there again. Can be called twice.
   */
  close(): Promise<void>
}

/** Failed messages by work queue. */
export interface FailedMessages {
  /** Rejects with a DuckfleetError: `usage` when access is refused, `transient`. */
  open(queue: string): Promise<FailedView>
  /** Closes all views and lets go of the broker. Can be called twice. */
  close(): Promise<void>
}
