import { throwIfAborted } from '../abort.js'
import { matches } from './match.js'
import type { Tracker, TrackerSource } from './port.js'

/** Trackers from a list, or from anything that gives one after another. */
export function createMemoryTrackers(list: Iterable<Tracker>): TrackerSource {
  return {
    // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous
    async *trackers(filter, signal) {
      throwIfAborted(signal)
      const seen = new Set<string>()
      for (const tracker of list) {
        const pair = JSON.stringify([tracker.id, tracker.site])
        if (seen.has(pair) || !matches(tracker, filter)) continue
        seen.add(pair)
        yield tracker
        throwIfAborted(signal)
      }
    },
    close: () => Promise.resolve(),
  }
}
