import { walkFailed } from './failed-walk.js'
import type { FailedWalk, Visitor, WalkTally } from './failed-walk.js'
import type { FailedEntry } from './failed-entry.js'

/** Messages that may be on their way back at once. */
const IN_FLIGHT = 200

/**
 * Sends the failed messages that are meant back to their work queues, as if they were new. Stopped at any time, or killed,
 * each is in one of the two queues, or in both. Rejects as the walk does; those that `onRetried` was told of are done.
 */
export async function retryFailed(
  walk: FailedWalk,
  onRetried: (entry: FailedEntry) => void,
  signal: AbortSignal,
): Promise<WalkTally> {
  const underWay = new Set<Promise<void>>()
  const failures: unknown[] = []
  const throwFailure = (): void => {
    if (failures.length > 0) throw failures[0]
  }
  const visitor: Visitor = {
    async visit(held, entry) {
      const going = held.retry().then(
        () => {
          onRetried(entry)
        },
        (error: unknown) => {
          failures.push(error)
        },
      )
      underWay.add(going)
      void going.then(() => underWay.delete(going))
      if (underWay.size >= IN_FLIGHT) await Promise.race(underWay)
      throwFailure()
    },
    async settled() {
      await Promise.all(underWay)
      throwFailure()
    },
  }
  return walkFailed(walk, visitor, signal)
}
