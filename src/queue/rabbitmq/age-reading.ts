import { setTimeout as sleep } from 'node:timers/promises'
import { openChannel } from './channel.js'
import { limited } from './limited.js'
import type { Link } from './link.js'
import { ageQueue } from './topology.js'

const ANSWER_MS = 10_000
/** Somebody else may be looking just now, and has it. */
const TRIES = 5
const PAUSE_MS = 40

/**
 * Since when messages of a work queue may be waiting, as its workers and publishers left it: milliseconds since 1970;
 * undefined when nobody did, or when it cannot be read.
 */
export async function readAgeMark(link: Link, work: string): Promise<number | undefined> {
  try {
    const channel = await openChannel(link, () => link.model.createChannel())
    const answer = <T>(asked: Promise<T>): Promise<T> => limited(ANSWER_MS, 'no answer', asked)
    let seconds: unknown
    for (let tries = 1; tries <= TRIES; tries++) {
      const found = await answer(channel.get(ageQueue(work)))
      if (found !== false) {
        // Back at once: this queue counts no deliveries, and has one place, in which a newer one may be by now.
        channel.nack(found, false, true)
        seconds = found.properties.timestamp
        break
      }
      await sleep(PAUSE_MS)
    }
    await answer(channel.close())
    return typeof seconds === 'number' ? seconds * 1000 : undefined
  } catch {
    // No such queue, no right to read it, no connection: whoever counts messages says what that is.
    return undefined
  }
}
