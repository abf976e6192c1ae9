import type { PlannedMessage, SizeClass } from './publish-plan.js'

/** What went to one queue. */
interface QueueTally {
  readonly messages: number
  /** Of the files and their WALs. */
  readonly bytes: number
}

/** How far publishing is, and in the end what became of it. */
export interface PublishSummary {
  /** Trackers that were looked at. */
  readonly trackers: number
  /** Messages that their queue has for sure. */
  readonly queues: Readonly<Record<SizeClass, QueueTally>>
  /** Files that got no message because their destination holds the target release. */
  readonly done: number
  /** Trackers and files that got no message for another reason. */
  readonly problems: number
}

/** Counts. */
export interface Tally {
  tracker(): void
  sent(message: PlannedMessage): void
  done(): void
  problem(): void
  summary(): PublishSummary
}

/** A tally that tells `onChange` of every change. */
export function createTally(onChange: (summary: PublishSummary) => void): Tally {
  const queues = { small: { messages: 0, bytes: 0 }, big: { messages: 0, bytes: 0 } }
  const counts = { trackers: 0, done: 0, problems: 0 }
  const summary = (): PublishSummary => ({
    ...counts,
    queues: { small: { ...queues.small }, big: { ...queues.big } },
  })
  const count = (what: keyof typeof counts) => (): void => {
    counts[what] += 1
    onChange(summary())
  }
  return {
    tracker: count('trackers'),
    done: count('done'),
    problem: count('problems'),
    sent({ queue, bytes }) {
      queues[queue].messages += 1
      queues[queue].bytes += bytes
      onChange(summary())
    },
    summary,
  }
}
