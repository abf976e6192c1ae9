import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Delivery, FailedMessage, Queue } from '../../src/queue/port.js'

/** A queue to try, and a look at its failed messages. */
export interface QueueHarness {
  readonly queue: Queue
  failed(): Promise<readonly FailedMessage[]>
  dispose(): Promise<void>
}

const never = new AbortController().signal

/** Takes one delivery after another, each by a consumer of its own that stays open until `leave`. */
function taker(queue: Queue): { take(): Promise<Delivery>; leave(): Promise<void> } {
  const consumer = queue.consume(never)[Symbol.asyncIterator]()
  return {
    async take() {
      const next = await consumer.next()
      if (next.done === true) throw new Error('the consumer ended')
      return next.value
    },
    async leave() {
      await consumer.return?.()
    },
  }
}

/** What every queue promises. */
export function queueContract(name: string, create: () => Promise<QueueHarness>): void {
  describe(`queue contract: ${name}`, () => {
    let harness: QueueHarness
    let queue: Queue
    beforeEach(async () => {
      harness = await create()
      queue = harness.queue
    })
    afterEach(async () => {
      await harness.dispose()
    })

    it('delivers what was published, in order, with its first attempt', async () => {
      for (const body of ['{"a":1}', 'ä€😀', '']) await queue.publish({ body }, never)
      const consumer = taker(queue)
      for (const body of ['{"a":1}', 'ä€😀', '']) {
        const delivery = await consumer.take()
        expect([delivery.body, delivery.attempts]).toEqual([body, 1])
        await delivery.ack()
      }
      await consumer.leave()
    })

    it('tells when a message was published at first, to the second, also of one that is tried again', async () => {
      const publishedAt = 1_700_000_000_123
      await queue.publish({ body: 'old', publishedAt }, never)
      const consumer = taker(queue)
      const first = await consumer.take()
      await first.retry('transient', 10)
      const again = await consumer.take()
      for (const delivery of [first, again]) {
        expect(Math.floor((delivery.publishedAt ?? 0) / 1000)).toBe(1_700_000_000)
        // Never later than it was: what was written in between would count as older, and be replaced.
        expect(delivery.publishedAt).toBeLessThanOrEqual(publishedAt)
      }
      await again.ack()
      await consumer.leave()
    })

    it('gives a waiting consumer what is published later', async () => {
      const consumer = taker(queue)
      const taken = consumer.take()
      await queue.publish({ body: 'late' }, never)
      expect((await taken).body).toBe('late')
      await consumer.leave()
    })

    it('gives one message to one consumer, and the next to another', async () => {
      await queue.publish({ body: 'one' }, never)
      await queue.publish({ body: 'two' }, never)
      const [first, second] = [taker(queue), taker(queue)]
      const bodies = [(await first.take()).body, (await second.take()).body]
      expect(bodies.sort()).toEqual(['one', 'two'])
      await first.leave()
      await second.leave()
    })

    it('brings back a retried message after its delay, with the attempt counted', async () => {
      await queue.publish({ body: 'again' }, never)
      const consumer = taker(queue)
      const start = performance.now()
      await (await consumer.take()).retry('transient', 300)
      await queue.publish({ body: 'meanwhile' }, never)
      const between = await consumer.take()
      expect(between.body).toBe('meanwhile')
      await between.ack()
      const back = await consumer.take()
      expect([back.body, back.attempts]).toEqual(['again', 2])
      expect(performance.now() - start).toBeGreaterThan(290)
      await back.retry('transient', 0)
      expect((await consumer.take()).attempts).toBe(3)
      await consumer.leave()
    })

    it('keeps a failed message with its reason, and delivers it no more', async () => {
      await queue.publish({ body: 'bad', id: 'id-1' }, never)
      await queue.publish({ body: 'good' }, never)
      const consumer = taker(queue)
      await (await consumer.take()).fail('corrupt', 'the file is damaged')
      expect((await consumer.take()).body).toBe('good')
      await consumer.leave()
      expect(await harness.failed()).toEqual([
        { body: 'bad', id: 'id-1', attempts: 1, reason: 'corrupt', error: 'the file is damaged' },
      ])
    })

    it('gives a released delivery to the next consumer at once, its attempts as they were', async () => {
      await queue.publish({ body: 'released', id: 'id-7' }, never)
      const consumer = taker(queue)
      await (await consumer.take()).retry('transient', 0)
      await (await consumer.take()).release()
      const again = await consumer.take()
      expect([again.body, again.id, again.attempts]).toEqual(['released', 'id-7', 2])
      await again.ack()
      await consumer.leave()
    })

    it('brings back a delivery that its consumer dropped', async () => {
      await queue.publish({ body: 'dropped' }, never)
      const first = taker(queue)
      await first.take()
      await first.leave()
      const second = taker(queue)
      const again = await second.take()
      expect(again.body).toBe('dropped')
      await again.ack()
      await second.leave()
    })

    it('refuses to settle a delivery twice', async () => {
      await queue.publish({ body: 'once' }, never)
      const consumer = taker(queue)
      const delivery = await consumer.take()
      await delivery.ack()
      await expect(delivery.fail('usage', 'no')).rejects.toMatchObject({ code: 'usage' })
      expect(await harness.failed()).toEqual([])
      await consumer.leave()
    })

    it('ends a consumer when the signal fires; what it holds can still be settled', async () => {
      await queue.publish({ body: 'held' }, never)
      const stop = new AbortController()
      const bodies: string[] = []
      for await (const delivery of queue.consume(stop.signal)) {
        bodies.push(delivery.body)
        stop.abort()
        await delivery.ack()
      }
      expect(bodies).toEqual(['held'])
    })

    it('ends waiting consumers on close, refuses to publish then, and can be closed twice', async () => {
      const ended = (async () => {
        for await (const delivery of queue.consume(never)) await delivery.ack()
      })()
      await queue.close()
      await ended
      await queue.close()
      await expect(queue.publish({ body: 'late' }, never)).rejects.toMatchObject({ code: 'transient' })
    })

    it('does not publish when the signal has fired', async () => {
      await expect(queue.publish({ body: 'x' }, AbortSignal.abort())).rejects.toMatchObject({
        code: 'aborted',
      })
    })
  })
}
