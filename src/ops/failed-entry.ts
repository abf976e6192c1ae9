import { parseMessage, trackerOf } from '../fleet/message.js'
import type { FailedDetails } from '../queue/port-failed.js'
import { createHash } from 'node:crypto'

export type SizeClass = 'small' | 'big'

/** A failed message as operators see it. */
export interface FailedEntry {
  /** Its own id, else one made of its body: `#` and twelve digits. */
  readonly id: string
  readonly size: SizeClass
  /** Undefined when its body names none. */
  readonly tracker: string | undefined
  readonly reason: string
  readonly attempts: number
  /** ISO 8601; undefined when the broker put it there by itself. */
  readonly failedAt: string | undefined
  readonly error: string
  readonly body: string
}

export function entryOf(message: FailedDetails, size: SizeClass): FailedEntry {
  const { id, reason, attempts, failedAt, error, body, content } = message
  return {
    id: id ?? `#${createHash('sha256').update(content).digest('hex').slice(0, 12)}`,
    size,
    tracker: trackerIn(body),
    reason,
    attempts,
    failedAt,
    error,
    body,
  }
}

/** A message may have failed just because nothing could be read in it. */
function trackerIn(body: string): string | undefined {
  try {
    return trackerOf(parseMessage(body))
  } catch {
    return undefined
  }
}
