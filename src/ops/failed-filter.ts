import type { FailedEntry } from './failed-entry.js'

/** Which failed messages are meant; all conditions have to hold, and a list that is empty is none. */
export interface FailedFilter {
  readonly ids: readonly string[]
  readonly reasons: readonly string[]
  readonly trackers: readonly string[]
  /** Milliseconds since 1970: failed before. One whose time is not known is not meant then. */
  readonly failedBefore: number | undefined
  /** Milliseconds since 1970: one that is known to have failed later is not meant. */
  readonly notAfter?: number
}

export function isMeant(entry: FailedEntry, filter: FailedFilter): boolean {
  const { ids, reasons, trackers, failedBefore, notAfter = Infinity } = filter
  const failedAt = entry.failedAt === undefined ? NaN : Date.parse(entry.failedAt)
  return (
    (ids.length === 0 || ids.includes(entry.id)) &&
    (reasons.length === 0 || reasons.includes(entry.reason)) &&
    (trackers.length === 0 || (entry.tracker !== undefined && trackers.includes(entry.tracker))) &&
    (failedBefore === undefined || failedAt < failedBefore) &&
    !(failedAt > notAfter)
  )
}
