/** How full a queue is. Undefined: whoever was asked does not know. */
export interface QueueDepth {
  readonly name: string
  /** False: there is no such queue, so nothing is in it. */
  readonly exists: boolean
  /** Messages that wait. */
  readonly ready: number
  /** Messages that consumers have and did not settle yet. */
  readonly inWork: number | undefined
  readonly consumers: number | undefined
  /** Messages a second that came, and that were settled: the mean of the window that was asked for. */
  readonly publishRate: number | undefined
  readonly ackRate: number | undefined
  /** Bytes of the messages that wait; those of the files that they name are not known to a queue. */
  readonly messageBytes: number | undefined
  /** Since when messages may be waiting: milliseconds since 1970. None has waited longer since it was last published. */
  readonly oldestAt: number | undefined
}

/** A work queue and what belongs to it. */
export interface FamilyDepth {
  readonly work: QueueDepth
  /** Messages that wait for another try, whatever their delay. */
  readonly retry: QueueDepth
  readonly failed: QueueDepth
}

/** One look at some queues. */
export interface DepthReading {
  /** A sentence that says why some figures are not known; undefined when the broker told all it can. */
  readonly missing: string | undefined
  /** How the broker is set to lose messages: sentences. */
  readonly warnings: readonly string[]
  readonly families: readonly FamilyDepth[]
}

export interface DepthQuestion {
  /** Of the work queue. */
  readonly name: string
  /** Seconds that rates are the mean of. */
  readonly windowSeconds: number
}

/** Looks at queues and leaves them as they are: no message is taken, no queue made. */
export interface Depths {
  /** Milliseconds that should pass between two looks. */
  readonly intervalMs: number
  /** Rejects with a DuckfleetError: `usage` when access is refused, `transient`, `aborted`. */
  read(questions: readonly DepthQuestion[], signal: AbortSignal): Promise<DepthReading>
  /** Can be called twice. */
  close(): Promise<void>
}
