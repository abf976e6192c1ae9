import type { Channel } from 'amqplib'
import { DuckfleetError } from '../../errors.js'
import { told } from './broker-errors.js'
import { limited } from './limited.js'
import type { Link } from './link.js'

/** A broker that is short of memory answers nothing on a connection that publishes. */
const ANSWER_MS = 30_000

/** Opens a channel; its errors need no listener then. Throws a DuckfleetError `transient`. */
export async function openChannel<C extends Channel>(link: Link, create: () => Promise<C>): Promise<C> {
  const opening = async (): Promise<C> => {
    const channel = await create()
    // An error event without a listener would end the process; the call that failed rejects too.
    channel.on('error', () => undefined)
    return channel
  }
  try {
    return await limited(ANSWER_MS, 'RabbitMQ does not answer: it opens no channel', opening())
  } catch (error) {
    if (error instanceof DuckfleetError) throw error
    const why = link.lost.aborted ? String(link.lost.reason) : told(error)
    throw new DuckfleetError('transient', `the connection to RabbitMQ was lost: ${why}`, { cause: error })
  }
}
