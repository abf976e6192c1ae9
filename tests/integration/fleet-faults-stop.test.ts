import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CLEAN, audit } from '../support/chaos-audit.js'
import { load, trackerIds } from '../support/chaos-cargo.js'
import type { Cargo } from '../support/chaos-cargo.js'
import { startFaultyProxy } from '../support/faulty-proxy.js'
import type { FaultyProxy } from '../support/faulty-proxy.js'
import { TestFleet } from '../support/fleet.js'
import type { FleetProcess } from '../support/fleet.js'
import { enginesOf, until } from '../support/processes.js'

let fleet: TestFleet
let proxy: FaultyProxy
let cargo: Cargo[]
beforeEach(async () => {
  fleet = await TestFleet.create()
  proxy = await startFaultyProxy(fleet.source.endpoint)
  fleet.environment['S3_ENDPOINT'] = proxy.endpoint
  cargo = await load(fleet, 's3-s3', trackerIds(2))
  await fleet.declareQueues()
  for (const { body } of cargo) await fleet.send('small', body)
})
afterEach(async () => {
  await fleet.dispose()
  await proxy.dispose()
})

const drain = async (): Promise<void> => {
  expect((await fleet.consume('small', { idleSeconds: 4 }).ended).code).toBe(0)
}

describe('SIGTERM in the middle of a job', () => {
  /** Resolves when a file is on its way; it waits there for `released`. */
  function download(released: Promise<undefined>): Promise<void> {
    return new Promise((resolve) => {
      proxy.faults = ({ method, url }) => {
        if (method !== 'GET' || !url.startsWith(`/${fleet.source.name}/tracker-`)) return undefined
        resolve()
        return released
      }
    })
  }

  it('lets it finish, takes no other, and ends with 143', async () => {
    let release = (): void => undefined
    const downloading = download(
      new Promise((resolve) => {
        release = () => {
          resolve(undefined)
        }
      }),
    )
    const worker = fleet.consume('small', { idleSeconds: undefined })
    await downloading
    worker.child.kill('SIGTERM')
    await until(() => worker.said().includes('stopping'), 5_000)
    release()
    expect((await worker.ended).code).toBe(143)
    expect(worker.log().flatMap(({ outcome }) => outcome ?? [])).toEqual(['migrated'])
    expect(await fleet.destination.names()).toHaveLength(1)
    expect(await fleet.waiting()).toEqual({ [fleet.queue]: 1 })
    expect(await fleet.leftovers()).toEqual([])
    await drain()
    expect(await audit(fleet, cargo)).toEqual(CLEAN)
  })

  it('without a period of grace gives it back at once, as a try that does not count', async () => {
    const downloading = download(new Promise(() => undefined))
    const worker = fleet.consume('small', { idleSeconds: undefined, more: { GRACE_SECONDS: '0' } })
    await downloading
    worker.child.kill('SIGTERM')
    const asked = performance.now()
    expect((await worker.ended).code).toBe(143)
    expect(performance.now() - asked).toBeLessThan(5_000)
    expect(worker.log().flatMap(({ outcome }) => outcome ?? [])).toEqual(['retried'])
    expect(await fleet.destination.names()).toEqual([])
    expect(await fleet.waiting()).toEqual({ [fleet.queue]: 2 })
    expect(await fleet.leftovers()).toEqual([])
    proxy.faults = () => undefined
    await drain()
    expect(await audit(fleet, cargo)).toEqual(CLEAN)
    const attempts = fleet.started.flatMap((running) => running.log()).map(({ attempt }) => attempt ?? 1)
    expect(Math.max(...attempts)).toBe(1)
  })
})

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    // It has just ended.
    return ''
  }
}

describe('an engine', () => {
  /** A worker that has engines ready, and nothing to do. */
  async function warmWorker(): Promise<FleetProcess> {
    const worker = fleet.consume('small', { idleSeconds: undefined })
    await until(() => worker.log().filter(({ outcome }) => outcome === 'migrated').length === 2, 30_000)
    return worker
  }

  /** Signals engines with their groups, so that whatever they have started gets it too; gives how many there were. */
  const signal = (worker: FleetProcess, name: NodeJS.Signals, driver = ''): number => {
    const engines = enginesOf(worker.child.pid ?? 0).filter((pid) => commandOf(pid).includes(driver))
    for (const pid of engines) {
      try {
        process.kill(-pid, name)
      } catch {
        // It has just ended.
      }
    }
    return engines.length
  }

  /** Runs one more file, `meanwhile` something happens, and gives what the worker said of it, with the worker's end. */
  async function runOneMore(
    worker: FleetProcess,
    meanwhile: () => Promise<void>,
  ): Promise<readonly string[]> {
    const [more] = await load(fleet, 's3-s3', ['one-more'])
    if (more === undefined) throw new Error('there is no sample')
    cargo.push(more)
    await fleet.send('small', more.body)
    const lines = (): string[] =>
      worker
        .log()
        .filter(({ tracker, outcome }) => tracker === 'one-more' && outcome !== undefined)
        .map(({ outcome, error }) => `${outcome ?? ''} ${error?.message ?? ''}`)
    const over = until(() => lines().some((line) => !line.startsWith('retried')), 60_000)
    await meanwhile()
    await over
    worker.child.kill('SIGTERM')
    expect((await worker.ended).code).toBe(143)
    return lines()
  }

  it('that hangs is ended when its time is up, and the file is tried again', async () => {
    const worker = await warmWorker()
    expect(signal(worker, 'SIGSTOP', '"driver":"neo"')).toBe(1)
    const lines = await runOneMore(worker, () => Promise.resolve())
    expect(lines).toEqual([expect.stringMatching(/^retried .*engine hung: no answer/), 'migrated '])
    expect(await fleet.takeFailed('small')).toEqual([])
    expect(await audit(fleet, cargo)).toEqual(CLEAN)
  })

  it('that is killed at work costs a try, and the worker goes on', async () => {
    const worker = await warmWorker()
    signal(worker, 'SIGSTOP')
    const lines = await runOneMore(worker, async () => {
      await worker.logged(({ msg, tracker }) => msg === 'download' && tracker === 'one-more')
      // It has been asked something by now, or is asked after its end; a new one is started then.
      signal(worker, 'SIGKILL')
    })
    expect(lines.at(-1)).toBe('migrated ')
    expect(await fleet.takeFailed('small')).toEqual([])
    expect(await audit(fleet, cargo)).toEqual(CLEAN)
  })

  it('that is killed every time makes the message fail, and the worker goes on', async () => {
    const worker = await warmWorker()
    let killing = true
    const lines = await runOneMore(worker, async () => {
      const failed = (line: { outcome?: string }): boolean => line.outcome === 'failed'
      const ended = worker.logged(failed).finally(() => {
        killing = false
      })
      while (killing) {
        signal(worker, 'SIGKILL')
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await ended
      await fleet.send('small', (await load(fleet, 's3-s3', ['after']))[0]?.body ?? '')
      await worker.logged(({ outcome, tracker }) => outcome === 'migrated' && tracker === 'after')
    })
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['retried', 'failed'])
    const failed = await fleet.takeFailed('small')
    expect(failed.map(({ reason, attempts }) => [reason, attempts])).toEqual([['engine', 2]])
    expect(failed[0]?.error).toMatch(/engine (process was ended by SIGKILL|did not start)/)
    const all = [...cargo, ...(await load(fleet, 's3-s3', ['after']))]
    expect(await audit(fleet, all, ['one-more'])).toEqual(CLEAN)
  })
})
