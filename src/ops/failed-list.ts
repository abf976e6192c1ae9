import type { FailedEntry } from './failed-entry.js'
import { walkFailed } from './failed-walk.js'
import type { FailedWalk, WalkTally } from './failed-walk.js'

/** Shows each of the failed messages that are meant, and leaves all where they are. */
export function listFailed(
  walk: FailedWalk,
  onEntry: (entry: FailedEntry) => void,
  signal: AbortSignal,
): Promise<WalkTally> {
  const visitor = {
    visit: (_held: unknown, entry: FailedEntry) => {
      onEntry(entry)
      return Promise.resolve()
    },
    settled: () => Promise.resolve(),
  }
  return walkFailed(walk, visitor, signal)
}
