import type { Tracker, TrackerFilter } from './port.js'

/** Whether a filter chooses this tracker. */
export function matches({ id, site }: Tracker, { trackers, sites }: TrackerFilter): boolean {
  return (trackers.length === 0 || trackers.includes(id)) && (sites.length === 0 || sites.includes(site))
}
