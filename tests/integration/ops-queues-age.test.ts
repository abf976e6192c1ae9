import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Delivery, Queue } from '../../src/queue/port.js'
import { HEADERS, ageQueue, failedQueue } from '../../src/queue/rabbitmq/topology.js'
import { addFailures } from '../support/failing.js'
import { operate } from '../support/operating.js'
import { until } from '../support/processes.js'
import { connectTo, deleteQueues, familyOf, sendRaw, someQueue, withChannel } from '../support/rabbit.js'
import type { Watched } from '../support/rabbit.js'
import { services } from '../support/services.js'

const never = new AbortController().signal
const url = services().rabbitUrl

let name: string
let environment: Record<string, string>
let rabbit: Watched
let queue: Queue
beforeEach(async () => {
  name = someQueue()
  // Nothing of this is from the management API.
  environment = { RABBIT_URL: url, RABBIT_MANAGEMENT_URL: 'http://127.0.0.1:1', QUEUE_NAME: name }
  rabbit = await connectTo(url)
  queue = await rabbit.broker.queue(name)
})
afterEach(async () => {
  await rabbit.broker.close()
  await deleteQueues(url, [...familyOf(name), ...familyOf(`${name}_big`)])
})

/** Seconds that the next message may have waited, as `duckfleet queues` says it. */
async function oldest(): Promise<unknown> {
  for (;;) {
    const { out, err } = await operate(['queues', '--json'], { environment })
    if (out[0] !== undefined) return (JSON.parse(out[0]) as Record<string, unknown>)['oldestSeconds']
    // A busy machine; who asks without the management API asks again.
    const said = err.join('\n')
    if (!said.includes('too busy')) throw new Error(said)
  }
}

/** Seconds, give or take those that the test takes. */
const about = (seconds: number): unknown => ({
  asymmetricMatch: (found: unknown) => Number(found) >= seconds - 1 && Number(found) <= seconds + 5,
})

/** Messages as somebody sent them, so many seconds ago; undefined: who does not say when. */
async function sent(...ages: readonly (number | undefined)[]): Promise<void> {
  for (const age of ages) {
    const timestamp = age === undefined ? {} : { timestamp: Math.floor(Date.now() / 1000) - age }
    await sendRaw(url, name, Buffer.from('{}'), { ...timestamp, headers: { [HEADERS.attempts]: 1 } })
  }
}

const ready = (): Promise<number> =>
  withChannel(url, async (channel) => (await channel.checkQueue(name)).messageCount)

async function next(consumer: AsyncIterator<Delivery>): Promise<Delivery> {
  const result = await consumer.next()
  if (result.done === true) throw new Error('the consumer ended')
  return result.value
}

/** Waits until the mark of a worker or publisher has arrived. */
const becomes = (seconds: number | null): Promise<void> =>
  until(async () => {
    const found = await oldest()
    return seconds === null ? found === null : typeof found === 'number' && Math.abs(found - seconds) <= 5
  }, 10_000)

describe('the age of the oldest message of a quorum queue', () => {
  it('is known from the first message on, and grows while nobody works', async () => {
    expect(await oldest()).toBe(0)
    await queue.publish({ body: '{}' }, never)
    await queue.publish({ body: '{}' }, never)
    expect(await oldest()).toEqual(about(0))
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    expect(await oldest()).toEqual(about(3))
    expect(await ready()).toBe(2)
  })

  it('follows what workers take', async () => {
    await sent(900, 600, 300)
    // Nobody said anything yet.
    expect(await oldest()).toBeNull()
    const consumer = queue.consume(never)[Symbol.asyncIterator]()
    const first = await next(consumer)
    await becomes(900)
    await first.ack()
    const second = await next(consumer)
    await becomes(600)
    await second.ack()
    const third = await next(consumer)
    // Nothing waits any more: whatever comes is younger than this moment.
    await until(async () => (await oldest()) === 0, 10_000)
    await sent(0)
    await becomes(0)
    await third.ack()
    await consumer.return?.()
  })

  it('is not that of messages which are tried again', async () => {
    await sent(900, 600)
    const consumer = queue.consume(never)[Symbol.asyncIterator]()
    await (await next(consumer)).retry('transient', 0)
    const second = await next(consumer)
    await becomes(600)
    await sent(60)
    await second.ack()
    const again = await next(consumer)
    expect(again.attempts).toBe(2)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await oldest()).toEqual(about(600))
    await again.ack()
    await consumer.return?.()
  })

  it('starts anew when failed messages are moved back', async () => {
    await sent(900)
    const consumer = queue.consume(never)[Symbol.asyncIterator]()
    await (await next(consumer)).ack()
    await consumer.return?.()
    await addFailures(url, name, [{ id: 'a', tracker: '1', reason: 'corrupt' }])
    const ran = await operate(['failed', 'retry'], { environment })
    expect(ran.status).toBe(0)
    await becomes(0)
    await withChannel(url, async (channel) => {
      const message = await channel.get(name)
      const seconds: unknown = message === false ? undefined : message.properties.timestamp
      expect(Date.now() / 1000 - Number(seconds)).toBeLessThan(60)
    })
  })

  it('is not known of publishers who do not say when they sent', async () => {
    await sent(900, undefined, 300)
    const consumer = queue.consume(never)[Symbol.asyncIterator]()
    await (await next(consumer)).ack()
    const second = await next(consumer)
    await becomes(null)
    await second.ack()
    await consumer.return?.()
  })

  it('stays one mark, however many look and leave theirs at once', async () => {
    await queue.publish({ body: '{}' }, never)
    const mark = ageQueue(name)
    const consumed = (async () => {
      for (let round = 0; round < 60; round++) {
        await queue.publish({ body: '{}' }, never)
        for await (const delivery of queue.consume(never)) {
          await delivery.ack()
          break
        }
      }
    })()
    const looks: unknown[] = []
    const looking = Array.from({ length: 3 }, async () => {
      for (let round = 0; round < 5; round++) looks.push(await oldest())
    })
    await Promise.all([consumed, ...looking])
    expect(looks.filter((seconds) => seconds === null)).toEqual([])
    await withChannel(url, async (channel) => {
      expect((await channel.checkQueue(mark)).messageCount).toBe(1)
    })
    expect(await ready()).toBe(1)
  })

  it('is missed by nobody where the mark cannot be made', async () => {
    // A queue of somebody else's with that name, which takes nothing.
    await deleteQueues(url, [ageQueue(name)])
    const full = { arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' } }
    await withChannel(url, (channel) => channel.assertQueue(ageQueue(name), full))
    await queue.publish({ body: 'x' }, never)
    const consumer = queue.consume(never)[Symbol.asyncIterator]()
    const delivery = await next(consumer)
    await delivery.fail('corrupt', 'a reason')
    await consumer.return?.()
    await queue.publish({ body: 'y' }, never)
    expect(await oldest()).toBeNull()
    await withChannel(url, async (channel) => {
      expect((await channel.checkQueue(failedQueue(name))).messageCount).toBe(1)
    })
  })
})
