import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DuckfleetError } from '../../src/errors.js'
import { openDropFile } from '../../src/ops/drop-file.js'
import { dropFailed } from '../../src/ops/failed-drop.js'
import { isMeant } from '../../src/ops/failed-filter.js'
import { listFailed } from '../../src/ops/failed-list.js'
import { retryFailed } from '../../src/ops/failed-retry.js'
import type { FailedWalk } from '../../src/ops/failed-walk.js'
import type { FailedMessages } from '../../src/queue/port-failed.js'

const never = new AbortController().signal
const NO_FILTER = { ids: [], reasons: [], trackers: [], failedBefore: undefined }

/** Failed messages in memory, whose connection may break: where each of them is. */
interface Pretended {
  readonly failed: string[]
  readonly work: string[]
  readonly messages: FailedMessages
}

/** `breaksAt`: the step, of any kind, from which on the connection is gone. */
function pretend(ids: readonly string[], breaksAt = Infinity): Pretended {
  const state = { failed: [...ids], work: [] as string[] }
  let steps = 0
  const step = (): void => {
    steps += 1
    if (steps >= breaksAt) throw new DuckfleetError('transient', 'the connection was lost')
  }
  const remove = (id: string): void => void state.failed.splice(state.failed.indexOf(id), 1)
  const messages: FailedMessages = {
    open: () => {
      const left = [...state.failed]
      const waiting = left.length
      return Promise.resolve({
        waiting,
        unseen: () => left.length,
        // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous
        async next() {
          step()
          const id = left.shift()
          if (id === undefined) return undefined
          const reason = id.startsWith('t') ? 'transient' : 'corrupt'
          const body = `{"id":"${id}"}`
          const details = { attempts: 1, error: 'e', failedAt: undefined, content: Buffer.from(body) }
          return {
            message: { id, reason, body, ...details },
            async retry() {
              await Promise.resolve()
              step()
              state.work.push(id)
              step()
              remove(id)
            },
            drop() {
              step()
              remove(id)
            },
          }
        },
        close: () => Promise.resolve(),
      })
    },
    close: () => Promise.resolve(),
  }
  return { ...state, messages }
}

const walkOf = ({ messages }: Pretended, more: Partial<FailedWalk> = {}): FailedWalk => ({
  failed: messages,
  queues: [{ size: 'small', name: 'q' }],
  filter: NO_FILTER,
  limit: undefined,
  ...more,
})
const some = (count: number): string[] => Array.from({ length: count }, (_, index) => `t${index}`)

describe('retrying what failed', () => {
  it('loses no message wherever the connection breaks, and moves all when it does not', async () => {
    const property = fc.asyncProperty(
      fc.nat({ max: 400 }),
      fc.nat({ max: 1300 }),
      async (count, breaksAt) => {
        const ids = some(count)
        const ground = pretend(ids, breaksAt === 0 ? Infinity : breaksAt)
        let told = 0
        await retryFailed(walkOf(ground), () => (told += 1), never).catch(() => undefined)
        expect(new Set([...ground.failed, ...ground.work])).toEqual(new Set(ids))
        // Who was told of is not here any more.
        expect(ground.failed.length + told).toBeLessThanOrEqual(count)
        if (breaksAt === 0) expect(ground.failed).toEqual([])
      },
    )
    await fc.assert(property, { numRuns: 60 })
  })

  it('rejects with the first error', async () => {
    const walk = walkOf(pretend(some(10), 7))
    await expect(retryFailed(walk, () => undefined, never)).rejects.toThrow('the connection was lost')
  })

  it('moves no more than the limit, of those that are meant', async () => {
    const ground = pretend(['c1', 't1', 'c2', 't2', 't3'])
    const filter = { ...NO_FILTER, reasons: ['transient'] }
    const tally = await retryFailed(walkOf(ground, { filter, limit: 2 }), () => undefined, never)
    expect([ground.work, ground.failed, tally]).toEqual([
      ['t1', 't2'],
      ['c1', 'c2', 't3'],
      { looked: 4, meant: 2, unseen: 0 },
    ])
  })
})

describe('dropping what failed', () => {
  it('has every message in the record before it is gone, wherever it breaks', async () => {
    const property = fc.asyncProperty(
      fc.nat({ max: 1200 }),
      fc.integer({ min: 1, max: 3000 }),
      async (count, at) => {
        const ids = some(count)
        const ground = pretend(ids, at)
        const record: string[] = []
        const append = (lines: readonly string[]): Promise<void> => {
          record.push(...lines.map((line) => (JSON.parse(line) as { id: string }).id))
          return Promise.resolve()
        }
        await dropFailed(walkOf(ground), { append }, () => undefined, never).catch(() => undefined)
        expect(new Set([...ground.failed, ...record])).toEqual(new Set(ids))
      },
    )
    await fc.assert(property, { numRuns: 40 })
  })

  it('drops nothing that cannot be recorded', async () => {
    const ground = pretend(some(3))
    const append = (): Promise<void> => Promise.reject(new DuckfleetError('no-space', 'disk full'))
    await expect(dropFailed(walkOf(ground), { append }, () => undefined, never)).rejects.toThrow('disk full')
    expect(ground.failed).toHaveLength(3)
  })
})

describe('the file of what was dropped', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'duckfleet-drop-'))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  it('holds what was appended, is not left empty, and never takes the place of another', async () => {
    const file = join(folder, 'd.jsonl')
    await (await openDropFile(file)).close()
    expect(await readdir(folder)).toEqual([])
    const record = await openDropFile(file)
    await record.append(['1', '2'])
    await record.append(['3'])
    await record.close()
    await record.close()
    expect(await readFile(file, 'utf8')).toBe('1\n2\n3\n')
    await expect(openDropFile(file)).rejects.toMatchObject({ code: 'usage', message: /there already/ })
  })
})

describe('looking at what failed', () => {
  it('stops at the limit', async () => {
    const seen: string[] = []
    const walk = walkOf(pretend(some(5)), { limit: 3 })
    await listFailed(walk, ({ id }) => seen.push(id), never)
    expect(seen).toEqual(['t0', 't1', 't2'])
  })

  it('means a message of unknown age only where no age was asked for', () => {
    const entry = {
      id: 'a',
      size: 'small',
      tracker: undefined,
      reason: 'r',
      attempts: 1,
      failedAt: undefined,
      error: '',
      body: '',
    } as const
    expect(isMeant(entry, NO_FILTER)).toBe(true)
    expect(isMeant(entry, { ...NO_FILTER, notAfter: 0 })).toBe(true)
    expect(isMeant(entry, { ...NO_FILTER, failedBefore: Date.now() })).toBe(false)
    expect(isMeant(entry, { ...NO_FILTER, trackers: ['1'] })).toBe(false)
    const old = { ...entry, failedAt: '2026-01-01T00:00:00.000Z' }
    expect(isMeant(old, { ...NO_FILTER, failedBefore: Date.now() })).toBe(true)
    expect(isMeant(old, { ...NO_FILTER, notAfter: 0 })).toBe(false)
  })
})
