import { writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DuckfleetError } from '../../src/errors.js'
import type { ErrorCode } from '../../src/errors.js'
import type { JobReport } from '../../src/fleet/report.js'
import { runWorker } from '../../src/fleet/worker.js'
import type { WorkerSignals } from '../../src/fleet/worker.js'
import { createMemoryQueue } from '../../src/queue/memory.js'
import type { MemoryQueue } from '../../src/queue/memory.js'
import type { OutgoingMessage, Queue } from '../../src/queue/port.js'
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

function both(signal: AbortSignal): WorkerSignals {
  return { stop: signal, abort: signal }
}

/** Works until the queue is empty; gives the reports as `outcome@retryInMs`. */
async function workAll(signal = never): Promise<string[]> {
  const seen: string[] = []
  const onReport = ({ outcome }: JobReport, retryInMs: number | undefined): void => {
    seen.push(retryInMs === undefined ? outcome : `${outcome}@${retryInMs}`)
  }
  const worker = runWorker(
    { queue, retry, onReport, job: () => bench.deps({ existing: 'replace' }) },
    both(signal),
  )
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
    await runWorker(
      { queue, retry: { ...retry, attempts: 1 }, onReport, job: () => bench.deps() },
      both(stop.signal),
    )
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

  /** An upgrade that never ends by itself. */
  const hang = (started: () => void): void => {
    bench.upgrade = (_request, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(new Error('killed'))
        })
        started()
      })
  }

  it('finishes the job in hand when no new message shall be taken', async () => {
    await queue.publish({ body: efsMessage('b.duckdb') }, never)
    const stop = new AbortController()
    const { upgrade } = bench
    bench.upgrade = async (request, signal) => {
      stop.abort()
      return await upgrade(request, signal)
    }
    const seen: string[] = []
    await runWorker(
      { queue, retry, onReport: ({ outcome }) => void seen.push(outcome), job: () => bench.deps() },
      { stop: stop.signal, abort: never },
    )
    expect(seen).toEqual(['migrated'])
  })

  const handedOn = async (): Promise<readonly OutgoingMessage[]> => {
    const forwarded: OutgoingMessage[] = []
    const overflow = (message: OutgoingMessage): Promise<void> => {
      forwarded.push(message)
      return Promise.resolve()
    }
    const worker = runWorker(
      { queue, retry, onReport: () => undefined, job: () => bench.deps(), overflow },
      both(never),
    )
    await queue.drained(never)
    await queue.close()
    await worker
    return forwarded
  }

  it('hands a message that does not fit here to the queue of big files, and acks it then', async () => {
    failing('no-space', 1)
    const forwarded = await handedOn()
    expect(forwarded).toEqual([{ body: efsMessage('a.duckdb') }])
    expect(queue.failed()).toEqual([])
  })

  it('hands it on as old as it is: what was written to its destination since then is not to be replaced', async () => {
    failing('no-space', 1)
    const publishedAt = 1_700_000_000_000
    for await (const delivery of queue.consume(never)) {
      await queue.publish({ body: delivery.body, id: 'm', publishedAt }, never)
      await delivery.ack()
      break
    }
    const forwarded = await handedOn()
    expect(forwarded).toEqual([{ body: efsMessage('a.duckdb'), id: 'm', publishedAt }])
  })

  it('keeps a message whose handing over failed', async () => {
    failing('no-space', 1)
    const unsettled: string[] = []
    const end = new AbortController()
    await runWorker(
      {
        queue,
        retry,
        onReport: () => undefined,
        job: () => bench.deps(),
        overflow: () => Promise.reject(new DuckfleetError('transient', 'the broker is gone')),
        onUnsettled: ({ message }) => {
          unsettled.push(message)
          end.abort()
        },
      },
      both(end.signal),
    )
    expect(unsettled).toEqual(['the broker is gone'])
    for await (const delivery of queue.consume(never)) {
      expect([delivery.body, delivery.attempts]).toEqual([efsMessage('a.duckdb'), 1])
      break
    }
  })

  it('ends a job that takes too long, which counts as a failed try', async () => {
    hang(() => undefined)
    const seen: JobReport[] = []
    const worker = runWorker(
      {
        queue,
        retry,
        onReport: (report) => void seen.push(report),
        job: () => bench.deps({ existing: 'replace' }),
        deadlineMs: 30,
      },
      both(never),
    )
    await queue.drained(never)
    await queue.close()
    await worker
    expect(seen.map(({ outcome }) => outcome)).toEqual(['retried', 'failed'])
    expect(queue.failed()[0]?.error).toMatch(/src\/a\.duckdb: not done after .*JOB_DEADLINE_MINUTES/)
  })

  it('stops a job whose message the queue took back, and goes on with the next', async () => {
    await queue.publish({ body: efsMessage('a.duckdb') }, never)
    const lost = new AbortController()
    let first = true
    const flaky: Queue = {
      ...queue,
      async *consume(signal) {
        for await (const delivery of queue.consume(signal)) {
          const broken = { lost: lost.signal, release: () => Promise.reject(gone) }
          yield first ? { ...delivery, ...broken } : delivery
          first = false
        }
      },
    }
    const gone = new DuckfleetError('transient', 'the connection is gone')
    const { upgrade } = bench
    hang(() => {
      bench.upgrade = upgrade
      lost.abort()
    })
    const seen: string[] = []
    const unsettled: string[] = []
    const worker = runWorker(
      {
        queue: flaky,
        retry,
        onReport: ({ outcome }) => void seen.push(outcome),
        job: () => bench.deps({ existing: 'replace' }),
        onUnsettled: ({ message }) => void unsettled.push(message),
      },
      both(never),
    )
    await queue.drained(never)
    await queue.close()
    await worker
    expect(seen).toEqual(['retried', 'migrated', 'migrated'])
    expect(unsettled).toEqual(['the connection is gone'])
  })

  it('is guarded while a job runs, and released after each', async () => {
    const log: string[] = []
    const guard = (): Promise<{ release(): Promise<void> }> => {
      log.push('guard')
      return Promise.resolve({
        release: () => {
          log.push('release')
          return Promise.resolve()
        },
      })
    }
    const worker = runWorker(
      { queue, retry, onReport: () => void log.push('job'), job: () => bench.deps(), guard },
      both(never),
    )
    await queue.drained(never)
    await queue.close()
    await worker
    expect(log).toEqual(['guard', 'job', 'release'])
  })

  it('reports before it acks: a report that is not taken gives the message back', async () => {
    const onReport = (): never => {
      throw new Error('the disk of the reports is full')
    }
    await expect(runWorker({ queue, retry, onReport, job: () => bench.deps() }, both(never))).rejects.toThrow(
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
    const workers = [1, 2].map(() =>
      runWorker({ queue, retry, onReport, job: () => bench.deps() }, both(never)),
    )
    await queue.drained(never)
    await queue.close()
    await Promise.all(workers)
    expect(done).toEqual(['migrated', 'migrated', 'migrated', 'migrated'])
    expect(most).toBe(2)
  })
})
