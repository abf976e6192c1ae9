import type { Channel } from 'amqplib'
import { DuckfleetError } from '../../errors.js'
import { told } from './broker-errors.js'
import type { Link } from './link.js'

/** Opens a channel; its errors need no listener then. Throws a DuckfleetError `transient`. */
export async function openChannel<C extends Channel>(link: Link, create: () => Promise<C>): Promise<C> {
  try {
    const channel = await create()
    // An error event without a listener would end the process; the call that failed rejects too.
    channel.on('error', () => undefined)
    return channel
  } catch (error) {
    const why = link.lost.aborted ? String(link.lost.reason) : told(error)
    throw new DuckfleetError('transient', `the connection to RabbitMQ was lost: ${why}`, { cause: error })
  }
}
