import type { DepthReading, FamilyDepth, QueueDepth } from '../queue/port-depth.js'
import type { SizeClass } from './failed-entry.js'

/** What is shown of a queue, and told to programs. Null: not known. */
export interface QueueFigures {
  readonly queue: string
  readonly size: SizeClass
  readonly kind: 'work' | 'retry' | 'failed'
  /** False: there is no such queue yet. */
  readonly exists: boolean
  readonly ready: number
  readonly inWork: number | null
  readonly consumers: number | null
  /** Messages a second. */
  readonly publishRate: number | null
  readonly ackRate: number | null
  readonly messageBytes: number | null
  /** Until the queue is empty at these rates; null also when it grows, or nobody works. */
  readonly drainSeconds: number | null
  /** How long the next message has waited; 0 when none waits. */
  readonly oldestSeconds: number | null
}

export const SIZES = ['small', 'big'] as const satisfies readonly SizeClass[]

/** Rates are means: of a minute, and for big files, of which few end in a minute, of ten. */
export const WINDOW_SECONDS: Readonly<Record<SizeClass, number>> = { small: 60, big: 600 }

/** Three lines for each of the two queues. `now`: milliseconds since 1970. */
export function figuresOf({ families }: DepthReading, now: number): readonly QueueFigures[] {
  return SIZES.flatMap((size, index) => {
    const family = families[index]
    return family === undefined ? [] : familyFigures(family, size, now)
  })
}

function familyFigures({ work, retry, failed }: FamilyDepth, size: SizeClass, now: number): QueueFigures[] {
  return [
    { ...lineOf(work, size, 'work', now), drainSeconds: drainSeconds(work) },
    lineOf(retry, size, 'retry', now),
    lineOf(failed, size, 'failed', now),
  ]
}

function lineOf(depth: QueueDepth, size: SizeClass, kind: QueueFigures['kind'], now: number): QueueFigures {
  const { name, exists, ready, inWork, consumers, publishRate, ackRate, messageBytes, oldestAt } = depth
  const age = oldestAt === undefined ? null : Math.max(0, Math.round((now - oldestAt) / 1000))
  return {
    queue: name,
    size,
    kind,
    exists,
    ready,
    inWork: inWork ?? null,
    consumers: consumers ?? null,
    publishRate: publishRate ?? null,
    ackRate: ackRate ?? null,
    messageBytes: messageBytes ?? null,
    drainSeconds: null,
    oldestSeconds: ready === 0 ? 0 : age,
  }
}

function drainSeconds({ ready, inWork = 0, publishRate, ackRate }: QueueDepth): number | null {
  if (publishRate === undefined || ackRate === undefined) return null
  const left = ready + inWork
  if (left === 0) return 0
  const faster = ackRate - publishRate
  return faster > 0 ? Math.round(left / faster) : null
}
