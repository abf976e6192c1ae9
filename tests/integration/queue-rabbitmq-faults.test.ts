import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { Delivery, Queue } from '../../src/queue/port.js'
import { startBroker } from '../support/broker.js'
import type { Broker } from '../support/broker.js'
import { until } from '../support/processes.js'
import { connectTo, deleteQueues, someQueue } from '../support/rabbit.js'
import type { Watched } from '../support/rabbit.js'
import { Random } from '../support/random.js'
import { startRelay } from '../support/relay.js'

const never = new AbortController().signal

let server: Broker
let rabbit: Watched
let name: string
let queue: Queue
beforeAll(async () => {
  server = await startBroker()
})
afterAll(async () => {
  await server.dispose()
})
beforeEach(async () => {
  // What a test is about begins after this: 3.10 does not always come back whole from being killed, and a new one serves then.
  await ready().catch(async () => {
    await server.dispose()
    server = await startBroker()
    await ready()
  })
})
// Its queues go with the broker: 3.10 makes no more queues after one is deleted while it starts.
afterEach(async () => {
  await rabbit.broker.close()
})

async function ready(): Promise<void> {
  await server.start()
  name = someQueue()
  rabbit = await connectTo(server.url, { heartbeatSeconds: 1 })
  try {
    queue = await rabbit.broker.queue(name)
  } catch (error) {
    await rabbit.broker.close()
    throw error
  }
}

/** The next delivery of a consumer that stays. */
async function next(consumer: AsyncIterator<Delivery>): Promise<Delivery> {
  const result = await consumer.next()
  if (result.done === true) throw new Error('the consumer ended')
  return result.value
}

const consume = (): AsyncIterator<Delivery> => queue.consume(never)[Symbol.asyncIterator]()
const kinds = (): string[] => rabbit.events.map(({ kind }) => kind)

// The broker itself is not killed here: 3.10 may not start again, nor answer for the queue, when that happens while it makes one.
it('declares a queue although the connection breaks meanwhile, and again', async () => {
  const wanted = someQueue()
  const relay = await startRelay(server.url, { word: wanted, times: 2 })
  const { broker } = await connectTo(relay.url)
  try {
    const declared = await broker.queue(wanted)
    expect(relay.broken()).toBe(2)
    await declared.publish({ body: 'after' }, never)
    const consumer = declared.consume(never)[Symbol.asyncIterator]()
    const delivery = await next(consumer)
    await delivery.ack()
    await consumer.return?.()
    expect(delivery.body).toBe('after')
  } finally {
    await broker.close()
    await relay.close()
  }
})

/** Each of these takes back what the consumer holds. */
const LOSSES: readonly (readonly [string, () => Promise<void>])[] = [
  [
    'the broker is killed and started again',
    async () => {
      await server.kill()
      await server.start()
    },
  ],
  [
    'the broker is shut down and started again',
    async () => {
      await server.stop()
      await server.start()
    },
  ],
]

describe.each(LOSSES)('when %s', (_what, lose) => {
  it('a delivery in hand is lost, cannot be settled any more, and comes back to the same consumer', async () => {
    await queue.publish({ body: 'held', id: 'h' }, never)
    const consumer = consume()
    const held = await next(consumer)
    expect(held.lost.aborted).toBe(false)
    await lose()
    await until(() => held.lost.aborted, 10_000)
    await expect(held.ack()).rejects.toMatchObject({ code: 'transient' })
    const again = await next(consumer)
    expect([again.body, again.id, again.attempts]).toEqual(['held', 'h', 1])
    await again.ack()
    await consumer.return?.()
    // The other connection comes back in its own time.
    await until(() => kinds().filter((kind) => kind === 'connected').length === 2, 10_000)
  })

  it('a delivery in hand that is being tried again or given up stays one message', async () => {
    for (const body of ['one', 'two']) await queue.publish({ body }, never)
    const consumer = consume()
    const held = await next(consumer)
    await lose()
    await until(() => held.lost.aborted, 10_000)
    await expect(held.retry('transient', 0)).rejects.toMatchObject({ code: 'transient' })
    const bodies: string[] = []
    for (let count = 0; count < 2; count++) {
      const delivery = await next(consumer)
      bodies.push(delivery.body)
      await delivery.ack()
    }
    expect(bodies.sort()).toEqual(['one', 'two'])
    await consumer.return?.()
  })
})

describe('while the broker is away', () => {
  it('publishing waits, and goes on when it is back', async () => {
    await server.kill()
    await until(() => kinds().includes('disconnected'), 10_000)
    const published = queue.publish({ body: 'patient' }, never)
    await server.start()
    await published
    const consumer = consume()
    const delivery = await next(consumer)
    expect(delivery.body).toBe('patient')
    await delivery.ack()
    await consumer.return?.()
  })

  it('publishing rejects after its limit, and at once when the queue is closed or the signal fires', async () => {
    const hasty = await rabbit.broker.queue(name, { publishLimitMs: 300 })
    await server.kill()
    await expect(hasty.publish({ body: 'x' }, never)).rejects.toMatchObject({ code: 'transient' })
    await expect(queue.publish({ body: 'x' }, AbortSignal.timeout(100))).rejects.toMatchObject({
      code: 'aborted',
    })
    const left = queue.publish({ body: 'x' }, never)
    await Promise.all([expect(left).rejects.toMatchObject({ code: 'transient' }), rabbit.broker.close()])
    await server.start()
  })

  it('a consumer can leave', async () => {
    const stop = new AbortController()
    const consumer = queue.consume(stop.signal)[Symbol.asyncIterator]()
    const taken = consumer.next()
    await server.kill()
    await until(() => kinds().includes('disconnected'), 10_000)
    stop.abort()
    expect(await taken).toMatchObject({ done: true })
    await server.start()
  })

  it('connecting for the first time waits, says so, and gives up after its limit', async () => {
    await server.kill()
    const connecting = connectTo(server.url)
    const hasty = connectTo(server.url, { startLimitMs: 500 })
    await expect(hasty).rejects.toMatchObject({ code: 'transient' })
    await server.start()
    const late = await connecting
    expect(late.events.map(({ kind }) => kind)).toContain('waiting')
    await late.broker.close()
  })
})

describe('a broker that answers no more, its connections open', () => {
  /** Also a test that fails leaves a broker to the next one. */
  const freeze = async (): Promise<void> => {
    onTestFinished(() => server.thaw())
    await server.freeze()
  }

  it('is noticed by its silence; the delivery is lost, and comes back when it wakes', async () => {
    // A busy machine can lose a connection before the broker is silent: publishing waits for the next one then, so long.
    queue = await rabbit.broker.queue(name, { publishLimitMs: 30_000 })
    await queue.publish({ body: 'held' }, never)
    const consumer = consume()
    const held = await next(consumer)
    await freeze()
    const refused = [held.ack(), queue.publish({ body: 'unheard' }, never)].map((settled) =>
      expect(settled).rejects.toMatchObject({ code: 'transient' }),
    )
    await Promise.all(refused)
    expect(held.lost.aborted).toBe(true)
    await server.thaw()
    // The ack may have been in the socket, and be taken when it wakes: the message is done then, else it comes back.
    await queue.publish({ body: 'last' }, never)
    const bodies: string[] = []
    for (let body = ''; body !== 'last'; bodies.push(body)) {
      const delivery = await next(consumer)
      body = delivery.body
      await delivery.ack()
    }
    expect(['held', 'unheard', 'last']).toEqual(expect.arrayContaining(bodies))
    await consumer.return?.()
  })

  it('does not keep a process from closing', async () => {
    const consumer = consume()
    await queue.publish({ body: 'held' }, never)
    await next(consumer)
    await freeze()
    const start = performance.now()
    await Promise.all([consumer.return?.(), rabbit.broker.close()])
    expect(performance.now() - start).toBeLessThan(12_000)
    await server.thaw()
  })
})

describe('a channel that the broker closes', () => {
  it('because of its delivery timeout (406) costs the delivery; the consumer and others go on', async () => {
    const env = (key: string, value: number): Promise<void> =>
      server.evaluate(`application:set_env(rabbit, ${key}, ${value}).`)
    await env('consumer_timeout', 1_000)
    await env('channel_tick_interval', 300)
    await queue.publish({ body: 'slow' }, never)
    const consumer = consume()
    const slow = await next(consumer)
    await until(() => slow.lost.aborted, 15_000)
    expect(String(slow.lost.reason)).toContain('PRECONDITION')
    await expect(slow.fail('corrupt', 'x')).rejects.toMatchObject({ code: 'transient' })
    await env('consumer_timeout', 1_800_000)
    const again = await next(consumer)
    expect(again.body).toBe('slow')
    await again.ack()
    await consumer.return?.()
    expect(kinds().filter((kind) => kind === 'disconnected')).toEqual([])
  })

  it('because its queue was deleted begins again with a new queue', async () => {
    await queue.publish({ body: 'old' }, never)
    const consumer = consume()
    const old = await next(consumer)
    await deleteQueues(server.url, [name])
    await until(() => old.lost.aborted, 10_000)
    await expect(old.ack()).rejects.toMatchObject({ code: 'transient' })
    await queue.publish({ body: 'new' }, never)
    const delivery = await next(consumer)
    expect(delivery.body).toBe('new')
    await delivery.ack()
    await consumer.return?.()
  })

  it('is told from when it ends until the broker knows of another one', async () => {
    const told: boolean[] = []
    const watched = await rabbit.broker.queue(name, { onConsuming: (consuming) => told.push(consuming) })
    await watched.publish({ body: 'old' }, never)
    const consumer = watched.consume(never)[Symbol.asyncIterator]()
    const old = await next(consumer)
    expect(told).toEqual([false, true])
    await deleteQueues(server.url, [name])
    await until(() => old.lost.aborted, 10_000)
    await watched.publish({ body: 'new' }, never)
    await (await next(consumer)).ack()
    expect(told).toEqual([false, true, false, true])
    await consumer.return?.()
    expect(told.at(-1)).toBe(false)
  })
})

/** From now on the broker blocks whoever publishes. Its alarm comes a moment after the setting: it has to be there. */
async function starve(): Promise<void> {
  onTestFinished(feed)
  await server.evaluate(
    'vm_memory_monitor:set_vm_memory_high_watermark(0.00001), [_ | _] = rabbit_alarm:get_alarms().',
  )
}

async function feed(): Promise<void> {
  await server.evaluate('vm_memory_monitor:set_vm_memory_high_watermark(0.4).')
}

describe('a broker short of memory', () => {
  it('makes publishers wait, which is told, until it has memory again; nothing is lost', async () => {
    await starve()
    let published = 0
    const waiting = ['provokes', 'waits'].map(async (body) => {
      await queue.publish({ body }, never)
      published += 1
    })
    await until(() => kinds().includes('blocked'), 10_000)
    await expect(queue.publish({ body: 'stopped' }, AbortSignal.timeout(300))).rejects.toMatchObject({
      code: 'aborted',
    })
    expect(published).toBe(0)
    await feed()
    await Promise.all(waiting)
    expect(kinds()).toContain('unblocked')
    const consumer = consume()
    const bodies: string[] = []
    for (let count = 0; count < 2; count++) {
      const delivery = await next(consumer)
      bodies.push(delivery.body)
      await delivery.ack()
    }
    expect(bodies.sort()).toEqual(['provokes', 'waits'])
    await consumer.return?.()
  })

  it.each(['the first messages', 'later messages'])(
    'takes %s no longer than the limit, and lets go',
    async (which) => {
      const limited = await rabbit.broker.queue(name, { publishLimitMs: 2_000 })
      if (which === 'later messages') await limited.publish({ body: 'before' }, never)
      await starve()
      // More than what lies between two programs can hold: some do not even get that far.
      const body = 'x'.repeat(900_000)
      const waiting = Array.from({ length: 60 }, () => limited.publish({ body }, never))
      for (const end of await Promise.allSettled(waiting))
        expect(end).toMatchObject({ status: 'rejected', reason: { code: 'transient' } })
      await rabbit.broker.close()
    },
    40_000,
  )
})

describe('a worker while the broker is short of memory', () => {
  it('goes on with what is done, and keeps what has to be sent until it can be', async () => {
    const bodies = ['done', 'done too', 'failed', 'again']
    for (const body of bodies) await queue.publish({ body }, never)
    await starve()
    // The broker stops reading from a connection when that publishes.
    const late = queue.publish({ body: 'late' }, never)
    await until(() => kinds().includes('blocked'), 10_000)
    const consumer = consume()
    for (const body of ['done', 'done too']) {
      const delivery = await next(consumer)
      expect(delivery.body).toBe(body)
      await delivery.ack()
    }
    let settled = false
    const failing = (await next(consumer)).fail('corrupt', 'on purpose').then(() => {
      settled = true
    })
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(settled).toBe(false)
    await feed()
    await Promise.all([failing, late])
    for (const body of ['again', 'late']) {
      const delivery = await next(consumer)
      expect(delivery.body).toBe(body)
      await delivery.ack()
    }
    await consumer.return?.()
  })
})

describe('1,000 messages', () => {
  it('are all there after the broker was killed again and again', async () => {
    const chance = new Random(4711)
    // Makes the queue for retries: a broker of 3.10 that is killed within a second of that cannot use it any more.
    await queue.publish({ body: 'first' }, never)
    const consumer = consume()
    await (await next(consumer)).retry('transient', 1)
    await (await next(consumer)).ack()
    await consumer.return?.()
    const done = new Map<string, number>()
    const failed = new Set<string>()
    const stop = new AbortController()
    const publish = async (body: string): Promise<void> => {
      for (;;) {
        try {
          await queue.publish({ body, id: body }, never)
          return
        } catch (error) {
          expect(error).toMatchObject({ code: 'transient' })
        }
      }
    }
    const work = async (): Promise<void> => {
      for await (const delivery of queue.consume(stop.signal)) {
        // Every seventh is tried again once, every fiftieth fails.
        const number = Number(delivery.body)
        try {
          if (number % 50 === 0) await delivery.fail('corrupt', 'on purpose')
          else if (number % 7 === 0 && delivery.attempts === 1) await delivery.retry('transient', number % 2)
          else await delivery.ack()
          if (number % 50 === 0) failed.add(delivery.body)
          else if (number % 7 !== 0 || delivery.attempts > 1) {
            done.set(delivery.body, (done.get(delivery.body) ?? 0) + 1)
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'transient' })
        }
      }
    }
    const workers = [work(), work()]
    let number = 1
    const publishSome = async (): Promise<void> => {
      while (number <= 1_000) {
        await publish(String(number++))
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    const publishers = Array.from({ length: 5 }, publishSome)
    for (let kills = 0; kills < 4; kills++) {
      await new Promise((resolve) => setTimeout(resolve, chance.int(200, 1_500)))
      await server.kill()
      await server.start()
    }
    await Promise.all(publishers)
    await until(() => done.size + failed.size === 1_000, 60_000)
    stop.abort()
    await Promise.all(workers)
    expect(done.size).toBe(980)
    expect(failed.size).toBe(20)
  })
})
