import { DuckfleetError } from '../../errors.js'
import { createWaiters } from '../waiters.js'
import { isAccessRefused, told } from './broker-errors.js'
import { openChannel } from './channel.js'
import type { Link } from './link.js'
import { limited } from './limited.js'
import type { Letter } from './letter.js'
import { HEADERS } from './topology.js'

/** `full`: the queue or the broker refused it for now. `unroutable`: there is no such queue. */
type SendOutcome = 'confirmed' | 'full' | 'unroutable'

/** A channel on which the broker confirms what it has taken. */
export interface ConfirmSession {
  /**
   * Throws `transient` when the channel closes or `limitMs` pass before the answer, `usage` when it cannot be encoded or
   * the broker forbids to send.
   */
  publish(queue: string, letter: Letter, limitMs: number, signal: AbortSignal): Promise<SendOutcome>
  /** The socket takes no more for now. */
  isFull(): boolean
  drained(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

const CLOSE_LIMIT_MS = 5_000

export async function createConfirmChannel(link: Link, onClose: () => void): Promise<ConfirmSession> {
  const channel = await openChannel(link, () => link.model.createConfirmChannel())
  const changed = createWaiters()
  const returned = new Set<unknown>()
  let closed = false
  let full = false
  let why = 'the connection was lost'
  let forbidden = false
  let sent = 0
  channel.on('error', (error: Error) => {
    why = told(error)
    forbidden = isAccessRefused(error)
  })
  channel.on('close', () => {
    closed = true
    onClose()
    changed.wake()
  })
  channel.on('drain', () => {
    full = false
    changed.wake()
  })
  // A message for no queue is returned first, and confirmed then.
  channel.on('return', ({ properties }) => returned.add(properties.headers?.[HEADERS.publish]))

  const write = (queue: string, letter: Letter, done: (error: unknown) => void): void => {
    const number = ++sent
    const headers: unknown = letter.properties.headers
    const numbered = { ...(headers as object | undefined), [HEADERS.publish]: number }
    const properties = { ...letter.properties, headers: numbered, mandatory: true, persistent: true }
    const more = channel.publish('', queue, letter.content, properties, (error: unknown) => {
      done(returned.delete(number) ? 'unroutable' : error)
    })
    if (!more) full = true
  }

  return {
    isFull: () => full && !closed,
    drained: (signal) => changed.wait(signal),
    publish: (queue, letter, limitMs, signal) =>
      new Promise((resolve, reject) => {
        const lost = (): void => {
          // Sent again, it would be refused again, and a consumer would be given the same message for ever.
          if (forbidden) reject(new DuckfleetError('usage', forbids(queue, why)))
          else
            reject(new DuckfleetError('transient', `RabbitMQ did not confirm a message for ${queue}: ${why}`))
        }
        const stop = (): void => {
          reject(new DuckfleetError('aborted', 'stopped on request', { cause: signal.reason }))
        }
        const late = setTimeout(
          () => {
            why = 'no answer in time'
            lost()
          },
          Math.max(limitMs, 1),
        )
        const release = (): void => {
          clearTimeout(late)
          signal.removeEventListener('abort', stop)
        }
        signal.addEventListener('abort', stop)
        try {
          if (closed) throw new DuckfleetError('transient', `the channel to RabbitMQ closed: ${why}`)
          write(queue, letter, (answer) => {
            release()
            if (answer === null) resolve('confirmed')
            else if (answer === 'unroutable') resolve('unroutable')
            else if (isNack(answer)) resolve('full')
            else lost()
          })
        } catch (error) {
          release()
          reject(unsent(error, queue, link))
        }
      }),
    async close() {
      if (closed) return
      // A queue whose node is away confirms nothing.
      await limited(CLOSE_LIMIT_MS, 'no answer', channel.waitForConfirms()).catch(() => undefined)
      // Throws when it closed meanwhile.
      const closing = (async () => channel.close())()
      await limited(CLOSE_LIMIT_MS, 'no answer', closing).catch(() => undefined)
    },
  }
}

const forbids = (queue: string, why: string): string =>
  `RabbitMQ lets this user send nothing to ${queue}: ${why}; permit it to write to the exchange amq.default`

/** The broker's no; any other error is the channel's end. */
const isNack = (answer: unknown): boolean => answer instanceof Error && answer.message === 'message nacked'

/** The library throws at once for what it cannot encode, and for a channel that has closed. */
function unsent(error: unknown, queue: string, link: Link): DuckfleetError {
  if (error instanceof DuckfleetError) return error
  const gone = link.lost.aborted || (error instanceof Error && error.name === 'IllegalOperationError')
  const sentence = gone
    ? `RabbitMQ did not get a message for ${queue}: the connection was lost`
    : `a message for ${queue} cannot be sent: ${told(error)}`
  return new DuckfleetError(gone ? 'transient' : 'usage', sentence, { cause: error })
}
