import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FleetAdapters } from '../../src/cli/fleet-adapters.js'
import { createLiveAdapters } from '../../src/cli/live-adapters.js'
import { createEcsServices } from '../../src/ops/ecs.js'
import { waitForTasks } from '../../src/ops/scale-wait.js'
import type { FamilyDepth, QueueDepth } from '../../src/queue/port-depth.js'
import { startEcsServer, useServers } from '../support/aws-servers.js'
import type { EcsServer } from '../support/aws-servers.js'
import { operate } from '../support/operating.js'
import type { OperateOptions, Ran } from '../support/operating.js'

const never = new AbortController().signal
const environment = { SCALE_CEILING: '30' }

let ecs: EcsServer
let restore: () => void
beforeEach(async () => {
  ecs = await startEcsServer({ 'migrate-duck-small': 2, 'migrate-duck-big': 0 })
  restore = useServers({ ecs: ecs.endpoint })
})
afterEach(async () => {
  restore()
  await ecs.close()
})

const scale = (args: readonly string[], options: Partial<OperateOptions> = {}): Promise<Ran> =>
  operate(['scale', ...args], { environment, ...options })
const desired = (): unknown => [...ecs.services].map(([name, { desired: tasks }]) => [name, tasks])
const updates = (): unknown[] =>
  ecs.calls.filter(({ operation }) => operation === 'UpdateService').map(({ input }) => input)

describe('duckfleet scale small|big', () => {
  it('asks ECS for so many tasks and waits until they run', async () => {
    const ran = await scale(['small', '7', '--env', 'dev'])
    expect(ran).toMatchObject({
      status: 0,
      out: ['migrate-duck-small: 7 running, 0 pending, 7 desired'],
    })
    expect(ran.err[0]).toBe('migrate-duck-small: 2 running, 5 pending, 7 desired')
    expect(updates()).toEqual([{ cluster: 'duckfleet-dev', service: 'migrate-duck-small', desiredCount: 7 }])
  })

  it('does not wait with --no-wait, and prints one object a service', async () => {
    ecs.pace = 0
    const { status, out } = await scale(['big', '3', '--no-wait', '--json'])
    expect(status).toBe(0)
    expect(out.map((line) => JSON.parse(line) as unknown)).toEqual([
      { service: 'migrate-duck-big', desired: 3, running: 0, pending: 3 },
    ])
  })

  it('ends with status 1 when the tasks do not run in time', async () => {
    ecs.pace = 0
    const { status, err } = await scale(['small', '5', '--timeout', '1s'])
    expect(status).toBe(1)
    expect(err.join('\n')).toContain('not as many tasks as wanted within 1 s')
  })

  it('says so when somebody else wants another number', async () => {
    ecs.pace = 0
    const ran = scale(['small', '5', '--timeout', '5s'], {
      onLine: () => {
        const service = ecs.services.get('migrate-duck-small')
        if (service !== undefined) Object.assign(service, { desired: 4, running: 4 })
      },
    })
    expect((await ran).err.join('\n')).toContain('somebody else wants 4 tasks')
  })

  it('refuses a number over the ceiling unless forced, before it asks anybody', async () => {
    const { status, err } = await scale(['small', '31'])
    expect(status).toBe(2)
    expect(err.join('\n')).toContain('31 tasks are over the ceiling of 30')
    expect(ecs.calls).toEqual([])
    expect((await scale(['small', '31', '--force', '--no-wait'])).status).toBe(0)
    expect(desired()).toContainEqual(['migrate-duck-small', 31])
  })

  it.each(['-1', '1.5', 'many', ''])('refuses %j as a number of tasks', async (text) => {
    expect((await scale(['small', '--', text])).status).toBe(2)
    expect(ecs.calls).toEqual([])
  })

  it('names a service that is not there, and where its name comes from', async () => {
    const there = { ...environment, ECS_SERVICE_SMALL: 'no-such' }
    const { status, err } = await scale(['small', '1'], { environment: there })
    expect(status).toBe(2)
    expect(err.join('\n')).toMatch(/the cluster duckfleet-dev has no service no-such.*ECS_SERVICE_SMALL/)
    expect(updates()).toEqual([])
  })

  it('names a cluster that is not there', async () => {
    const { status, err } = await scale(['small', '1', '--env', 'prod'])
    expect(status).toBe(2)
    expect(err.join('\n')).toMatch(/cluster duckfleet-prod.*ClusterNotFoundException/)
  })

  it('names the permission that is missing', async () => {
    ecs.instead.push({ status: 400, error: 'AccessDeniedException' })
    const { status, err } = await scale(['small', '1'])
    expect(status).toBe(2)
    expect(err.join('\n')).toMatch(/AccessDeniedException.*the permission ecs:DescribeServices/)
  })

  it('asks again when ECS is busy or broken', async () => {
    ecs.instead.push({ status: 400, error: 'ThrottlingException' }, { status: 500, error: 'ServerException' })
    expect((await scale(['small', '3', '--no-wait'])).status).toBe(0)
    expect(desired()).toContainEqual(['migrate-duck-small', 3])
  })

  it('ends when it is stopped while it waits', async () => {
    ecs.pace = 0
    const stop = new AbortController()
    const ran = scale(['small', '5'], {
      signal: stop.signal,
      onLine: () => {
        stop.abort()
      },
    })
    expect((await ran).err.join('\n')).toContain('stopped on request')
    expect(desired()).toContainEqual(['migrate-duck-small', 5])
  })
})

describe('the services of ECS', () => {
  it('give up within the limit when ECS stays busy, and when it is silent', async () => {
    const busy = Array.from({ length: 50 }, () => ({ status: 400, error: 'ThrottlingException' }))
    ecs.instead.push(...busy)
    const services = createEcsServices('duckfleet-dev', 700)
    await expect(services.counts('migrate-duck-small', never)).rejects.toMatchObject({ code: 'transient' })
    ecs.instead.splice(0, Infinity, null)
    await expect(services.counts('migrate-duck-small', never)).rejects.toThrow('no answer within 0.7 s')
    services.close()
  })

  it('are looked at again when one answer does not come', async () => {
    const services = createEcsServices('duckfleet-dev', 500)
    const first = await services.setDesired('migrate-duck-small', 4, never)
    ecs.instead.push(null)
    const seen: number[] = []
    const onChange = ({ running }: { running: number }): void => void seen.push(running)
    const last = await waitForTasks(services, first, { limitMs: 8000, pollMs: 10, onChange }, never)
    expect(last).toMatchObject({ running: 4, pending: 0 })
    expect(seen).toEqual([2, 4])
    services.close()
  })
})

const EMPTY: QueueDepth = {
  name: 'q',
  exists: true,
  ready: 0,
  inWork: 0,
  consumers: 0,
  publishRate: 0,
  ackRate: 0,
  messageBytes: 0,
  oldestAt: undefined,
}
const family = (work: Partial<QueueDepth>, waiting = 0): FamilyDepth => ({
  work: { ...EMPTY, ...work },
  retry: { ...EMPTY, ready: waiting },
  failed: EMPTY,
})
const queued = (small: FamilyDepth, big: FamilyDepth): FleetAdapters => ({
  ...createLiveAdapters(),
  openDepths: () =>
    Promise.resolve({
      intervalMs: 1,
      read: () => Promise.resolve({ missing: undefined, warnings: [], families: [small, big] }),
      close: () => Promise.resolve(),
    }),
})

describe('duckfleet scale auto', () => {
  // 3,510 s are an hour less the start: 10 tasks do 2,340 small files at 15 s.
  const busy = queued(family({ ready: 2300, inWork: 30, ackRate: 2 }, 10), family({ ready: 4 }))

  it('proposes what drains the queues in time, explains it, and sets it when a person agrees', async () => {
    const ran = await scale(['auto', '--minutes', '60', '--seconds-big', '1755'], {
      adapters: busy,
      answer: true,
    })
    expect(ran).toMatchObject({ status: 0, asked: ['Set them?'] })
    expect(ran.out.slice(0, 2)).toEqual([
      'small: 10 tasks (now 2): 2,340 files x 15 s each (measured) / 3,510 s, which is 60 min less 90 s to start',
      'big: 2 tasks (now 0): 4 files x 1,755 s each (as given) / 3,510 s, which is 60 min less 90 s to start',
    ])
    expect(desired()).toEqual([
      ['migrate-duck-small', 10],
      ['migrate-duck-big', 2],
    ])
  })

  it('changes nothing when a person does not agree, or none is there', async () => {
    const refused = await scale(['auto', '--minutes', '60'], { adapters: busy, answer: false })
    expect([refused.status, refused.err.at(-1)]).toEqual([0, 'nothing was changed'])
    const alone = await scale(['auto', '--minutes', '60'], { adapters: busy })
    expect([alone.status, alone.err.at(-1)]).toEqual([2, expect.stringContaining('add --yes')])
    expect(updates()).toEqual([])
  })

  it('keeps to the ceiling and says what that takes', async () => {
    const ran = await scale(['auto', '--minutes', '5', '--yes', '--no-wait'], { adapters: busy })
    expect(ran.out.join('\n')).toMatch(/it takes 168 tasks, over the ceiling.*30 tasks need about 21 min/)
    expect(desired()).toContainEqual(['migrate-duck-small', 30])
    await scale(['auto', '--minutes', '5', '--yes', '--no-wait', '--force'], { adapters: busy })
    expect(desired()).toContainEqual(['migrate-duck-small', 168])
  })

  it('assumes a time for a file where nothing was done lately, and gives no more tasks than files', async () => {
    const adapters = queued(family({ ready: 3 }), family({}))
    const ran = await scale(['auto', '--minutes', '1', '--yes', '--no-wait'], { adapters })
    expect(ran.out.join('\n')).toContain('small: 1 task (now 2): 3 files x 7 s each (assumed')
    expect(ran.out.join('\n')).toContain('big: 0 tasks (now 0): nothing waits')
    const many = await scale(['auto', '--minutes', '1', '--seconds-small', '900', '--yes', '--no-wait'], {
      adapters,
    })
    expect(many.out.join('\n')).toContain('small: 3 tasks')
  })

  it('prints nothing but objects on stdout with --json', async () => {
    const ran = await scale(['auto', '--minutes', '60', '--yes', '--no-wait', '--json'], { adapters: busy })
    expect(ran.out.map((line) => Object.keys(JSON.parse(line) as object))).toEqual([
      ['service', 'desired', 'running', 'pending'],
      ['service', 'desired', 'running', 'pending'],
    ])
  })
})
