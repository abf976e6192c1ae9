import { limitTime } from '../../src/abort.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Delivery, Queue } from '../../src/queue/port.js'
import { readFailed } from '../../src/queue/rabbitmq/failed-message.js'
import { MAX_BODY, MAX_REDELIVERIES } from '../../src/queue/rabbitmq/incoming.js'
import { HEADERS, failedQueue, retryQueue } from '../../src/queue/rabbitmq/topology.js'
import { setPolicy } from '../support/management.js'
import {
  connectTo,
  deleteQueues,
  familyOf,
  sendRaw,
  someQueue,
  takeAll,
  withChannel,
} from '../support/rabbit.js'
import type { Watched } from '../support/rabbit.js'
import { services } from '../support/services.js'

const never = new AbortController().signal
const url = services().rabbitUrl

let name: string
let rabbit: Watched
let queue: Queue
beforeEach(async () => {
  name = someQueue()
  rabbit = await connectTo(url)
})
afterEach(async () => {
  await rabbit.broker.close()
  await deleteQueues(url, familyOf(name))
})

async function take(from: Queue, run: (delivery: Delivery) => Promise<void>): Promise<void> {
  for await (const delivery of from.consume(never)) {
    await run(delivery)
    return
  }
}

describe('messages of others', () => {
  beforeEach(async () => {
    queue = await rabbit.broker.queue(name)
  })

  it('are taken without id, headers or persistence, as the earlier system sent them', async () => {
    const body = '{"source_datastore":"efs","destination_datastore":"efs","key":"a.duckdb"}'
    await sendRaw(url, name, Buffer.from(body), { deliveryMode: 1 })
    await take(queue, async (delivery) => {
      expect([delivery.body, delivery.id, delivery.attempts]).toEqual([body, undefined, 1])
      await delivery.ack()
    })
  })

  it('are taken with headers of any type, and keep them and their bytes when they fail', async () => {
    const headers = {
      [HEADERS.attempts]: '3',
      when: { '!': 'timestamp', value: 1_700_000_000 },
      price: { '!': 'decimal', value: { places: 2, digits: 314 } },
      nested: { list: [1, 'two', null, 2.5] },
      CC: ['somewhere-else'],
    }
    const options = { headers, expiration: 60_000, correlationId: 'c', type: 't', messageId: 'm' }
    await sendRaw(url, name, Buffer.from('\ufeffbody'), options)
    await take(queue, async (delivery) => {
      expect([delivery.body, delivery.attempts]).toEqual(['\ufeffbody', 3])
      await delivery.fail('corrupt', 'broken')
    })
    const [failed, ...others] = await takeAll(url, failedQueue(name))
    expect(others).toEqual([])
    expect(failed?.content).toEqual(Buffer.from('\ufeffbody'))
    const { CC, [HEADERS.attempts]: attempts, ...kept } = headers
    expect(CC).toBeDefined()
    expect(failed?.properties).toMatchObject({
      correlationId: 'c',
      type: 't',
      messageId: 'm',
      deliveryMode: 2,
      expiration: undefined,
      headers: { ...kept, [HEADERS.attempts]: Number(attempts), [HEADERS.reason]: 'corrupt' },
    })
  })

  it('fail by themselves when they are no UTF-8 text or too big, their bytes kept, and the next one is taken', async () => {
    const latin = Buffer.from('{"key":"m\xfcll.duckdb"}', 'latin1')
    const big = Buffer.alloc(MAX_BODY + 1, 'x')
    await sendRaw(url, name, latin, { messageId: 'latin' })
    await sendRaw(url, name, big, { headers: { big: 'y'.repeat(40_000) } })
    await queue.publish({ body: 'fine' }, never)
    await take(queue, async (delivery) => {
      expect(delivery.body).toBe('fine')
      await delivery.ack()
    })
    const failed = await takeAll(url, failedQueue(name))
    expect(failed.map(({ content }, index) => content.equals([latin, big][index] ?? latin))).toEqual([
      true,
      true,
    ])
    expect(failed.map(readFailed)).toMatchObject([
      { id: 'latin', attempts: 1, reason: 'usage', error: 'the message is not UTF-8 text' },
      {
        id: undefined,
        reason: 'usage',
        error: `the message has ${MAX_BODY + 1} bytes; at most ${MAX_BODY} are read`,
      },
    ])
  })

  it('that the broker itself moved to the failed ones can be read too', async () => {
    await withChannel(url, (channel) =>
      channel.assertQueue(name, { durable: true, arguments: {} }).catch(() => undefined),
    )
    await sendRaw(url, name, Buffer.from('rejected'))
    await withChannel(url, async (channel) => {
      const message = await channel.get(name)
      if (message === false) throw new Error('nothing there')
      channel.nack(message, false, false)
      await channel.checkQueue(name)
    })
    await expect.poll(() => countOf(failedQueue(name))).toBe(1)
    const [failed] = await takeAll(url, failedQueue(name))
    expect(failed && readFailed(failed)).toMatchObject({ body: 'rejected', reason: 'rejected', attempts: 1 })
  })
})

const countOf = (of: string): Promise<number> =>
  withChannel(url, async (channel) => (await channel.checkQueue(of)).messageCount)

describe.each(['quorum', 'classic'])('a message of a %s queue that kills its workers', (type) => {
  it('fails as poison in the end, and is delivered not much more often', async () => {
    if (type === 'classic') await withChannel(url, (channel) => channel.assertQueue(name, { durable: true }))
    queue = await rabbit.broker.queue(name)
    await queue.publish({ body: 'deadly', id: 'd' }, never)
    let deliveries = 0
    const dead = new AbortController()
    for (const stop = dead.signal; !stop.aborted;) {
      // Each worker is gone without a word; a broker that sees that gives the message to the next.
      const one = limitTime(stop, 2_000)
      for await (const delivery of queue.consume(one.signal)) {
        expect(delivery.attempts).toBe(1)
        deliveries += 1
        break
      }
      one.release()
      if ((await countOf(failedQueue(name))) === 1) dead.abort()
    }
    expect(deliveries).toBe(MAX_REDELIVERIES + 1)
    const failed = (await takeAll(url, failedQueue(name))).map(readFailed)
    expect(failed).toMatchObject([{ body: 'deadly', id: 'd', attempts: 1, reason: 'poison' }])
  })
})

describe('publishing', () => {
  it('refuses what no consumer would take, before it is sent', async () => {
    queue = await rabbit.broker.queue(name)
    for (const message of [
      { body: 'x'.repeat(MAX_BODY + 1) },
      { body: '\ud800' },
      { body: '', id: 'i'.repeat(256) },
    ]) {
      await expect(queue.publish(message, never)).rejects.toMatchObject({ code: 'usage' })
    }
    expect(await countOf(name)).toBe(0)
  })

  it('makes a queue again that was deleted, also the one for retries', async () => {
    queue = await rabbit.broker.queue(name)
    await queue.publish({ body: 'one' }, never)
    await take(queue, (delivery) => delivery.retry('transient', 1))
    const retries = retryQueue(name, 1)?.name ?? ''
    await deleteQueues(url, [name, retries, failedQueue(name)])
    await queue.publish({ body: 'two' }, never)
    await take(queue, (delivery) => delivery.retry('transient', 1))
    await take(queue, async (delivery) => {
      expect([delivery.body, delivery.attempts]).toEqual(['two', 2])
      await delivery.fail('corrupt', 'x')
    })
    expect((await takeAll(url, failedQueue(name))).map(readFailed)).toMatchObject([{ body: 'two' }])
  })

  it('waits while the queue is full, which is told once, until there is room, the limit or the signal', async () => {
    const full = { 'x-max-length': 1, 'x-overflow': 'reject-publish' }
    await withChannel(url, (channel) => channel.assertQueue(name, { durable: true, arguments: full }))
    queue = await rabbit.broker.queue(name, { publishLimitMs: 1_500 })
    await queue.publish({ body: 'one' }, never)
    await expect(queue.publish({ body: 'late' }, never)).rejects.toMatchObject({ code: 'transient' })
    await expect(queue.publish({ body: 'stopped' }, AbortSignal.timeout(200))).rejects.toMatchObject({
      code: 'aborted',
    })
    const waiting = queue.publish({ body: 'two' }, never)
    await take(queue, (delivery) => delivery.ack())
    await waiting
    expect((await takeAll(url, name)).map(({ content }) => content.toString())).toEqual(['two'])
    const told = rabbit.events.filter(({ kind }) => kind === 'waiting').map(({ message }) => message)
    expect(told).toEqual([expect.stringContaining(`the queue ${name} has as many messages as it may hold`)])
  })

  it('to a queue of failed messages that a policy keeps short waits, and pushes none out', async () => {
    await setPolicy(name, `^${failedQueue(name)}$`, { 'max-length': 1 })
    queue = await rabbit.broker.queue(name, { publishLimitMs: 4_000 })
    const all = ['one', 'two', 'three', 'four']
    for (const body of all) await queue.publish({ body }, never)
    // The broker takes one or two more than the limit before it refuses the next.
    let refused: unknown
    for (let taken = 0; taken < all.length && refused === undefined; taken++)
      await take(queue, async (delivery) => {
        refused = await delivery.fail('corrupt', 'torn').catch((error: unknown) => error)
      })
    expect(refused).toMatchObject({ code: 'transient' })
    const left = [...(await takeAll(url, failedQueue(name))), ...(await takeAll(url, name))]
    expect(left.map(({ content }) => content.toString()).sort()).toEqual(all.sort())
  })

  it('confirms many messages in flight, each once', async () => {
    queue = await rabbit.broker.queue(name)
    const start = performance.now()
    let next = 0
    const publishSome = async (): Promise<void> => {
      while (next < 5_000) await queue.publish({ body: JSON.stringify({ key: next++ }), id: 'x' }, never)
    }
    await Promise.all(Array.from({ length: 300 }, publishSome))
    const seconds = (performance.now() - start) / 1000
    const bodies = (await takeAll(url, name)).map(({ content }) => content.toString())
    expect(new Set(bodies).size).toBe(5_000)
    expect(bodies).toHaveLength(5_000)
    // The figure is thousands; this catches a publisher that waits for each message.
    expect(5_000 / seconds).toBeGreaterThan(500)
  })
})

describe('queues', () => {
  it('that are there with other arguments are used as they are', async () => {
    const other = { 'x-max-priority': 3 }
    await withChannel(url, (channel) => channel.assertQueue(name, { durable: true, arguments: other }))
    queue = await rabbit.broker.queue(name, { deliveryTimeoutMs: 3_600_000 })
    await queue.publish({ body: 'x' }, never)
    await take(queue, (delivery) => delivery.ack())
    // Throws unless its arguments are still the same.
    await withChannel(url, (channel) => channel.assertQueue(name, { durable: true, arguments: other }))
  })

  it('warn at the start when a job may take longer than the broker waits for its ack', async () => {
    queue = await rabbit.broker.queue(name, { deliveryTimeoutMs: 3_600_000 })
    const warnings = rabbit.events.filter(({ kind }) => kind === 'warning').map(({ message }) => message)
    expect(warnings).toEqual([expect.stringMatching(/a job may take 60: set .*consumer.timeout.* 3600000/)])
  })

  it('say nothing of it when jobs are short or nobody consumes', async () => {
    queue = await rabbit.broker.queue(name, { deliveryTimeoutMs: 600_000 })
    await rabbit.broker.queue(name)
    expect(rabbit.events.map(({ kind }) => kind)).toEqual(['connected'])
  })

  it('are refused with a sentence when their name is taken by somebody alone', async () => {
    await withChannel(url, async (channel) => {
      await channel.assertQueue(name, { exclusive: true })
      await expect(rabbit.broker.queue(name)).rejects.toMatchObject({
        code: 'usage',
        message: expect.stringContaining(name) as string,
      })
    })
  })
})
