import { describe, expect, it } from 'vitest'
import { FLEET_RETRY, retryDelay } from '../../src/fleet/retry.js'
import { createMemoryQueue } from '../../src/queue/memory.js'
import { queueContract } from '../contracts/queue.js'

const never = new AbortController().signal

queueContract('in-process', () => {
  const queue = createMemoryQueue({ capacity: 10 })
  return Promise.resolve({
    queue,
    failed: () => Promise.resolve(queue.failed()),
    dispose: () => queue.close(),
  })
})

describe('in-process queue', () => {
  it('makes a publisher wait while it is full, until there is room or the signal fires', async () => {
    const queue = createMemoryQueue({ capacity: 1 })
    await queue.publish({ body: 'one' }, never)
    const stop = new AbortController()
    const given = queue.publish({ body: 'two' }, stop.signal)
    stop.abort()
    await expect(given).rejects.toMatchObject({ code: 'aborted' })
    let published = false
    const waiting = queue.publish({ body: 'three' }, never).then(() => {
      published = true
    })
    await new Promise(setImmediate)
    expect(published).toBe(false)
    const consumer = queue.consume(never)[Symbol.asyncIterator]()
    await consumer.next()
    await waiting
    await queue.close()
  })

  it('is drained when nothing is ready, delayed or held', async () => {
    const queue = createMemoryQueue({ capacity: 10 })
    await queue.publish({ body: 'one' }, never)
    let drained = false
    const done = queue.drained(never).then(() => {
      drained = true
    })
    for await (const delivery of queue.consume(never)) {
      await new Promise(setImmediate)
      expect(drained).toBe(false)
      if (delivery.attempts === 1) {
        await delivery.retry('transient', 20)
      } else {
        await delivery.fail('transient', 'twice')
        break
      }
    }
    await done
  })

  it('drops delayed messages on close, and keeps no timer', async () => {
    const queue = createMemoryQueue({ capacity: 10 })
    await queue.publish({ body: 'one' }, never)
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    for await (const delivery of queue.consume(never)) {
      await delivery.retry('transient', 60_000)
      await queue.close()
    }
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')).toHaveLength(before)
    await queue.drained(never)
  })
})

describe('retry policy', () => {
  it('waits 10 s first, then four times as long, never over 10 min', () => {
    expect([1, 2, 3, 4, 5, 50].map((attempt) => retryDelay(FLEET_RETRY, attempt))).toEqual([
      10_000, 40_000, 160_000, 600_000, 600_000, 600_000,
    ])
  })
})
