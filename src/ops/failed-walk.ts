import type { FailedMessages, FailedView, HeldMessage } from '../queue/port-failed.js'
import { entryOf } from './failed-entry.js'
import type { FailedEntry, SizeClass } from './failed-entry.js'
import { isMeant } from './failed-filter.js'
import type { FailedFilter } from './failed-filter.js'

/** Which failed messages to look at. */
export interface FailedWalk {
  readonly failed: FailedMessages
  /** Work queues, by size class. */
  readonly queues: readonly { readonly size: SizeClass; readonly name: string }[]
  readonly filter: FailedFilter
  /** So many of those that are meant, at most. */
  readonly limit: number | undefined
  /** Told after every message of the number looked at, of about as many in all. */
  readonly onLooked?: (looked: number, waiting: number) => void
}

export interface WalkTally {
  readonly looked: number
  readonly meant: number
  /** Not looked at, because those before them that are not meant are as many as can be held. */
  readonly unseen: number
}

export interface Visitor {
  /** A message that is meant. What it does not settle goes back when the queue is done with. */
  visit(held: HeldMessage, entry: FailedEntry): Promise<void>
  /** Resolves when whatever `visit` began is over; called once a queue, on every path. */
  settled(): Promise<void>
}

/** Shows the failed messages that are meant to a visitor, queue by queue, the oldest first. Rejects as the view does. */
export async function walkFailed(
  walk: FailedWalk,
  visitor: Visitor,
  signal: AbortSignal,
): Promise<WalkTally> {
  const { failed, queues, limit = Infinity, onLooked = () => undefined } = walk
  const tally = { looked: 0, meant: 0, unseen: 0 }
  let waiting = 0
  const look = async (view: FailedView, size: SizeClass): Promise<void> => {
    while (tally.meant < limit) {
      const held = await view.next(signal)
      if (held === undefined) {
        tally.unseen += view.unseen()
        return
      }
      tally.looked += 1
      const entry = entryOf(held.message, size)
      if (isMeant(entry, walk.filter)) {
        tally.meant += 1
        await visitor.visit(held, entry)
      }
      onLooked(tally.looked, waiting)
    }
  }
  for (const { size, name } of queues) {
    if (tally.meant >= limit) break
    const view = await failed.open(name)
    waiting += view.waiting
    try {
      try {
        await look(view, size)
      } finally {
        await visitor.settled()
      }
    } catch (error) {
      // Its error says nothing that this one does not.
      await view.close().catch(() => undefined)
      throw error
    }
    await view.close()
  }
  return tally
}
