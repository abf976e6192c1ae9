import { writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DuckfleetError } from '../../src/errors.js'
import type { ErrorCode } from '../../src/errors.js'
import type { JobReport } from '../../src/fleet/report.js'
import { runWorker } from '../../src/fleet/worker.js'
import { createMemoryQueue } from '../../src/queue/memory.js'
import type { MemoryQueue } from '../../src/queue/memory.js'
import { JobBench, RESULT, database, efsMessage, never } from './job-bench.js'

const retry = { attempts: 3, engineAttempts: 2, baseMs: 5, maxMs: 20 }

let bench: JobBench
let queue: MemoryQueue
beforeEach(async () => {
  bench = await JobBench.create()
  queue = createMemoryQueue({ capacity: 100 })
  await bench.put('src/a.duckdb', database(39))
  await queue.publish({ body: efsMessage('a.duckdb') }, never)
})
afterEach(async () => {
  await queue.close()
  await bench.dispose()
})

/** Works until the queue is empty; gives the reports as `outcome@retryInMs`. */
async function workAll(signal = never): Promise<string[]> {
  const seen: string[] = []
  const onReport = ({ outcome }: JobReport, retryInMs: number | undefined): void => {
    seen.push(retryInMs === undefined ? outcome : `${outcome}@${retryInMs}`)
  }
  const worker = runWorker({ queue, retry, onReport }, bench.deps({ overwrite: true }), signal)
  await queue.drained(signal)
  await queue.close()
  await worker
  return seen
}

function failing(code: ErrorCode, times: number): void {
  const { upgrade } = bench
  let left = times
  bench.upgrade = async (request, signal) => {
    if (left-- > 0) throw new DuckfleetError(code, `${code} on purpose`)
    return await upgrade(request, signal)
  }
}

describe('a worker', () => {
  it('acks what is done', async () => {
    expect(await workAll()).toEqual(['migrated'])
    expect(queue.failed()).toEqual([])
  })

  it('acks what is skipped', async () => {
    failing('unreadable', 1)
    expect(await workAll()).toEqual(['skipped'])
    expect(queue.failed()).toEqual([])
  })

  it.each(['usage', 'corrupt', 'unsupported', 'difference'] as const)('fails %s at once', async (code) => {
    failing(code, 1)
    expect(await workAll()).toEqual(['failed'])
    expect(queue.failed()).toMatchObject([{ attempts: 1, reason: code, error: `${code} on purpose` }])
  })

  it('tries a transient error again, with a delay that grows', async () => {
    failing('transient', 2)
    expect(await workAll()).toEqual(['retried@5', 'retried@20', 'migrated'])
  })

  it('fails when the attempts are used up; an engine gets fewer', async () => {
    failing('transient', 99)
    expect(await workAll()).toEqual(['retried@5', 'retried@20', 'failed'])
    expect(queue.failed()).toMatchObject([{ attempts: 3, reason: 'transient' }])
  })

  it('gives an engine that died fewer attempts', async () => {
    failing('engine', 99)
    expect(await workAll()).toEqual(['retried@5', 'failed'])
    expect(queue.failed()).toMatchObject([{ attempts: 2, reason: 'engine' }])
  })

  it('gives the job back when it is stopped, and takes no other', async () => {
    await queue.publish({ body: efsMessage('b.duckdb') }, never)
    const stop = new AbortController()
    bench.upgrade = (_request, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(new Error('killed'))
        })
        stop.abort()
      })
    const seen: string[] = []
    const onReport = ({ outcome }: JobReport): void => {
      seen.push(outcome)
    }
    // Even its last attempt: being stopped is no failure.
    await runWorker({ queue, retry: { ...retry, attempts: 1 }, onReport }, bench.deps(), stop.signal)
    expect(seen).toEqual(['retried'])
    expect(queue.failed()).toEqual([])
    const back: [string, number][] = []
    for await (const delivery of queue.consume(never)) {
      back.push([delivery.body, delivery.attempts])
      await delivery.ack()
      if (back.length === 2) break
    }
    expect(back.sort()).toEqual([
      [efsMessage('a.duckdb'), 1],
      [efsMessage('b.duckdb'), 1],
    ])
  })

  it('reports before it acks: a report that is not taken gives the message back', async () => {
    const onReport = (): never => {
      throw new Error('the disk of the reports is full')
    }
    await expect(runWorker({ queue, retry, onReport }, bench.deps(), never)).rejects.toThrow(
      'reports is full',
    )
    for await (const delivery of queue.consume(never)) {
      expect(delivery.body).toBe(efsMessage('a.duckdb'))
      break
    }
  })

  it('works one message at a time; several workers share a queue', async () => {
    for (const key of ['b.duckdb', 'c.duckdb', 'd.duckdb']) {
      await bench.put(`src/${key}`, database(39))
      await queue.publish({ body: efsMessage(key) }, never)
    }
    let running = 0
    let most = 0
    bench.upgrade = async (request) => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 20))
      running -= 1
      await writeFile(request.destination, 'x')
      return RESULT
    }
    const done: string[] = []
    const onReport = ({ outcome }: JobReport): void => {
      done.push(outcome)
    }
    const workers = [1, 2].map(() => runWorker({ queue, retry, onReport }, bench.deps(), never))
    await queue.drained(never)
    await queue.close()
    await Promise.all(workers)
    expect(done).toEqual(['migrated', 'migrated', 'migrated', 'migrated'])
    expect(most).toBe(2)
  })
})
