import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createCleanup } from '../../src/cleanup.js'
import { watchConnection } from '../../src/cli/connection-watch.js'
import { createStopper } from '../../src/cli/stopper.js'
import { limitTime, linkAbort } from '../../src/abort.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('takes no message after a signal, and lets the job in hand go on for the grace period', async () => {
  const asked = new AbortController()
  const stopper = createStopper(asked.signal, 1000, undefined)
  asked.abort()
  expect([stopper.stop.aborted, stopper.abort.aborted]).toEqual([true, false])
  await vi.advanceTimersByTimeAsync(999)
  expect(stopper.abort.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(stopper.abort.aborted).toBe(true)
  await stopper.close()
})

it('stops when nothing came for long enough, but not while a job runs', async () => {
  const stopper = createStopper(new AbortController().signal, 1000, 50)
  stopper.free('starting')
  stopper.busy('at work')
  await vi.advanceTimersByTimeAsync(500)
  expect(stopper.stop.aborted).toBe(false)
  stopper.free('at work')
  await vi.advanceTimersByTimeAsync(50)
  expect([stopper.stop.aborted, stopper.abort.aborted]).toEqual([true, false])
  await stopper.close()
})

it('counts no idle time before it is ready, such as while it connects', async () => {
  const stopper = createStopper(new AbortController().signal, 1000, 50)
  stopper.free('disconnected')
  await vi.advanceTimersByTimeAsync(500)
  expect(stopper.stop.aborted).toBe(false)
  stopper.free('starting')
  await vi.advanceTimersByTimeAsync(50)
  expect(stopper.stop.aborted).toBe(true)
  await stopper.close()
})

it('counts no idle time without a broker, and begins anew when it is back, unless a job runs', async () => {
  const stopper = createStopper(new AbortController().signal, 1000, 50)
  stopper.free('starting')
  await vi.advanceTimersByTimeAsync(40)
  stopper.busy('disconnected')
  await vi.advanceTimersByTimeAsync(500)
  stopper.busy('at work')
  stopper.free('disconnected')
  await vi.advanceTimersByTimeAsync(500)
  stopper.free('at work')
  await vi.advanceTimersByTimeAsync(49)
  expect(stopper.stop.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(stopper.stop.aborted).toBe(true)
  await stopper.close()
})

it('leaves no timer and no listener behind', async () => {
  const asked = new AbortController()
  const stopper = createStopper(asked.signal, 1000, 50)
  stopper.free('starting')
  await stopper.close()
  expect(vi.getTimerCount()).toBe(0)
  asked.abort()
  expect(vi.getTimerCount()).toBe(0)
})

it('releases in the opposite order, also what comes after a failure', async () => {
  const order: string[] = []
  const cleanup = createCleanup()
  for (const name of ['first', 'second', 'third']) {
    cleanup.add(() => {
      order.push(name)
      return name === 'second' ? Promise.reject(new Error(name)) : Promise.resolve()
    })
  }
  await expect(cleanup.run()).rejects.toThrow('second')
  expect(order).toEqual(['third', 'second', 'first'])
})

it('counts a worker as ill only when its broker is away for long', () => {
  let now = 0
  const said: string[] = []
  const log = {
    job: () => undefined,
    step: () => undefined,
    event: (level: string, message: string) => void said.push(`${level} ${message}`),
  }
  const watch = watchConnection(log, () => now)
  watch.onEvent({ kind: 'connected', message: 'connected' })
  expect(watch.health({})).toEqual({ healthy: true, details: { connected: true } })
  watch.onEvent({ kind: 'disconnected', message: 'lost' })
  now = 9 * 60_000
  watch.onEvent({ kind: 'disconnected', message: 'still lost' })
  expect(watch.health({ worker: 'big' })).toEqual({
    healthy: true,
    details: { worker: 'big', connected: false },
  })
  now = 10 * 60_000
  expect(watch.health({}).healthy).toBe(false)
  watch.onEvent({ kind: 'connected', message: 'back' })
  expect(watch.health({}).healthy).toBe(true)
  expect(said).toEqual(['info connected', 'warn lost', 'warn still lost', 'info back'])
})

it('links aborts until they are released', () => {
  const [one, two] = [new AbortController(), new AbortController()]
  const linked = linkAbort(one.signal, two.signal)
  linked.release()
  one.abort()
  expect(linked.controller.signal.aborted).toBe(false)
  const reason = new Error('why')
  const again = linkAbort(one.signal, two.signal)
  expect(again.controller.signal.aborted).toBe(true)
  const last = linkAbort(two.signal)
  two.abort(reason)
  expect(last.controller.signal.reason).toBe(reason)
})

it('limits the time of what another signal may stop', async () => {
  const asked = new AbortController()
  const limit = limitTime(asked.signal, 1000)
  await vi.advanceTimersByTimeAsync(999)
  expect([limit.signal.aborted, limit.late()]).toEqual([false, false])
  await vi.advanceTimersByTimeAsync(1)
  expect([limit.signal.aborted, limit.late()]).toEqual([true, true])
  const stopped = limitTime(asked.signal, 1000)
  asked.abort()
  expect([stopped.signal.aborted, stopped.late()]).toEqual([true, false])
  for (const { release } of [limit, stopped]) release()
  expect(vi.getTimerCount()).toBe(0)
})
