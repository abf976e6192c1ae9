import { setMaxListeners } from 'node:events'
import type { Channel } from 'amqplib'
import { asDuckfleetError } from '../../errors.js'
import { createWaiters } from '../waiters.js'
import { openChannel } from './channel.js'
import { limited } from './limited.js'
import { nowSeconds } from './letter.js'
import type { LinkKeeper } from './link-keeper.js'
import type { Link } from './link.js'
import { countQueue } from './queue-count.js'
import type { QueueSet } from './queue-set.js'
import { ageQueue } from './topology.js'

/**
 * Keeps, beside a work queue, since when its messages may be waiting: RabbitMQ tells that of classic queues only, and
 * looking at the first message would change its place or its count of deliveries. The time is in a queue of one message,
 * which each that comes replaces: whoever takes a message leaves when that was published, because all that wait came
 * later; whoever sees that nothing waits leaves the present time. Best effort: nothing fails because of it.
 */
export interface AgeMark {
  /** A message was taken. Returns at once; a later call may overtake it. */
  taken(message: Taken): void
  /**
   * A message is about to be published. Resolves when what waits before it was looked at, which happens now and then, or
   * when the signal fires.
   */
  publishing(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

interface Taken {
  /** Seconds since 1970; undefined: its publisher did not say. */
  readonly publishedAt: number | undefined
  /** It comes from another place than the front: those that wait may be younger by far. */
  readonly again: boolean
}

interface AgeMarkDeps {
  readonly keeper: LinkKeeper
  readonly work: string
  readonly queues: Pick<QueueSet, 'ensure'>
}

/** Between two looks of a publisher: a queue that was emptied meanwhile was so by workers, who leave their own mark. */
const LOOK_EVERY_MS = 10_000
/** After a failure, and after one that will hardly go away by itself. */
const PAUSE_MS = 1_000
const LONG_PAUSE_MS = 60_000
const ANSWER_MS = 10_000
const CLOSE_MS = 2_000

export function createAgeMark({ keeper, work, queues }: AgeMarkDeps): AgeMark {
  const ending = new AbortController()
  let slot: { readonly link: Link; readonly opening: Promise<Channel> } | undefined
  let pausedUntil = 0
  let warned = false
  let wanted: Taken | undefined
  let running: Promise<void> | undefined
  let looked = -Infinity
  let looking: Promise<void> | undefined
  const seen = createWaiters()

  const open = async (link: Link): Promise<Channel> => {
    await queues.ensure(link, ageQueue(work), false)
    return openChannel(link, () => link.model.createChannel())
  }
  /** Whether it was done. */
  const run = async (task: (channel: Channel) => Promise<void>): Promise<boolean> => {
    if (performance.now() < pausedUntil || ending.signal.aborted) return false
    try {
      // Nobody shall wait for a broker because of this.
      const link = await keeper.link(ending.signal, 0)
      // What a blocked connection is given lies before everything else that it shall send.
      if (link.isBlocked()) return false
      if (slot?.link !== link) slot = { link, opening: open(link) }
      await limited(ANSWER_MS, `RabbitMQ does not answer for the queue ${work}`, slot.opening.then(task))
      return true
    } catch (thrown) {
      slot = undefined
      const { code, message } = asDuckfleetError(thrown, 'transient')
      pausedUntil = performance.now() + (code === 'usage' ? LONG_PAUSE_MS : PAUSE_MS)
      if (code === 'usage' && !warned)
        keeper.emit({ kind: 'warning', message: `how old messages are is not known: ${message}` })
      warned ||= code === 'usage'
      return false
    }
  }
  const ready = async (channel: Channel): Promise<number | 'busy'> => {
    const counts = await countQueue(channel, work, 0)
    return counts === 'busy' ? 'busy' : counts.ready
  }
  const put = (channel: Channel, seconds: number | undefined): void => {
    const timestamp = seconds === undefined ? {} : { timestamp: seconds }
    channel.sendToQueue(ageQueue(work), Buffer.alloc(0), { persistent: true, ...timestamp })
  }
  const note = (message: Taken): Promise<boolean> =>
    run(async (channel) => {
      const waiting = await ready(channel)
      if (waiting === 0) put(channel, nowSeconds())
      else if (!message.again) put(channel, message.publishedAt)
    })

  return {
    taken(message) {
      wanted = message
      running ??= (async () => {
        for (let next: Taken | undefined; (next = wanted) !== undefined;) {
          wanted = undefined
          await note(next)
        }
        running = undefined
      })()
    },
    async publishing(signal) {
      if (performance.now() - looked >= LOOK_EVERY_MS) {
        looked = performance.now()
        looking = run(async (channel) => {
          if ((await ready(channel)) === 0) put(channel, nowSeconds())
        }).then((done) => {
          looking = undefined
          if (!done) looked = -Infinity
          seen.wake()
        })
      }
      // All that are published at once wait: the look must come before the first of them.
      if (looking === undefined) return
      setMaxListeners(0, signal)
      await seen.wait(signal)
    },
    async close() {
      // What is left by the last message should arrive, but not at the price of a long goodbye.
      await limited(CLOSE_MS, 'no answer', Promise.resolve(running)).catch(() => undefined)
      ending.abort()
      // Throws when it closed meanwhile.
      const closing = (async () => (await slot?.opening)?.close())()
      await limited(CLOSE_MS, 'no answer', closing).catch(() => undefined)
    },
  }
}
