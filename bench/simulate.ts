import { setMaxListeners } from 'node:events'
import { setTimeout as sleepReally } from 'node:timers/promises'
import { createMemoryQueue } from '../src/queue/memory.js'
import type { Queue } from '../src/queue/port.js'
import { createVirtualClock } from './virtual-clock.js'
import type { VirtualClock } from './virtual-clock.js'

export interface SimulationOptions {
  /** Seconds that each message keeps a worker. */
  readonly jobSeconds: Float64Array
  readonly workers: number
  /** Messages a second that the publisher gets confirmed. */
  readonly publishRate: number
  /** Seconds from the beginning until workers take their first message. */
  readonly startSeconds: number
  /** Share of the messages that are given back once, after all of their work. */
  readonly retryShare: number
}

export interface SimulationResult {
  /** Virtual seconds until the last message was acked. */
  readonly seconds: number
  readonly acked: number
  readonly retried: number
  /** Virtual seconds that workers worked, all together. */
  readonly busySeconds: number
}

/** Messages that wait at once; the publisher waits beyond. */
const CAPACITY = 10_000
/** Messages published in one go, so that the clock has not to tick for each of them. */
const BATCH = 100

/** Drains a campaign through the in-process queue, with its real consumers and settlements, on a clock of its own. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const clock = createVirtualClock()
  const queue = createMemoryQueue({ capacity: CAPACITY })
  const stop = new AbortController()
  // Each worker that waits has one; so many are no leak.
  setMaxListeners(0, stop.signal)
  const tally = { acked: 0, retried: 0, busySeconds: 0 }
  const workers = Array.from({ length: options.workers }, () =>
    work(queue, clock, options, tally, stop.signal),
  )
  const published = publish(queue, clock, options, stop.signal)
  const all = options.jobSeconds.length
  try {
    while (tally.acked < all) {
      // Nobody sleeps: the rest waits for a retry, which the queue delays by the real clock.
      if (!(await clock.tick())) await sleepReally(1)
    }
    await published
    return { ...tally, seconds: clock.now() }
  } finally {
    stop.abort()
    await queue.close()
    await Promise.all(workers)
  }
}

async function publish(
  queue: Queue,
  clock: VirtualClock,
  { jobSeconds, publishRate }: SimulationOptions,
  signal: AbortSignal,
): Promise<void> {
  for (let next = 0; next < jobSeconds.length; next++) {
    if (next % BATCH === 0) await clock.sleep(BATCH / publishRate)
    await queue.publish({ body: String(next) }, signal)
  }
}

async function work(
  queue: Queue,
  clock: VirtualClock,
  { jobSeconds, startSeconds, retryShare }: SimulationOptions,
  tally: { acked: number; retried: number; busySeconds: number },
  signal: AbortSignal,
): Promise<void> {
  await clock.sleep(startSeconds)
  const every = retryShare === 0 ? Infinity : Math.round(1 / retryShare)
  for await (const delivery of queue.consume(signal)) {
    const number = Number(delivery.body)
    const seconds = jobSeconds[number] ?? 0
    await clock.sleep(seconds)
    tally.busySeconds += seconds
    if (delivery.attempts === 1 && number % every === every - 1) {
      tally.retried += 1
      await delivery.retry('transient', 0)
    } else {
      await delivery.ack()
      tally.acked += 1
    }
  }
}
