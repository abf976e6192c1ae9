import { spawn } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HEADERS, failedQueue } from '../../src/queue/rabbitmq/topology.js'
import { PROJECT } from '../support/cli.js'
import { addFailures, bodyOf } from '../support/failing.js'
import type { WantedFailure } from '../support/failing.js'
import { operate } from '../support/operating.js'
import type { OperateOptions, Ran } from '../support/operating.js'
import { manage, setPolicy } from '../support/management.js'
import { until } from '../support/processes.js'
import { deleteQueues, familyOf, sendRaw, someQueue, takeAll, withChannel } from '../support/rabbit.js'
import { services } from '../support/services.js'

const url = services().rabbitUrl
const HOUR = 3_600_000

let small: string
let folder: string
let environment: Record<string, string>
beforeEach(async () => {
  small = someQueue()
  folder = await mkdtemp(join(tmpdir(), 'duckfleet-failed-'))
  environment = { RABBIT_URL: url, RABBIT_MANAGEMENT_URL: services().rabbitManagementUrl, QUEUE_NAME: small }
})
afterEach(async () => {
  await deleteQueues(url, [...familyOf(small), ...familyOf(`${small}_big`)])
  await rm(folder, { recursive: true })
})

const failed = (args: readonly string[], options: Partial<OperateOptions> = {}): Promise<Ran> =>
  operate(['failed', ...args], { environment, ...options })
const objects = ({ out }: Ran): Record<string, unknown>[] =>
  out.map((line) => JSON.parse(line) as Record<string, unknown>)
const idsIn = async (queue: string): Promise<unknown[]> =>
  (await takeAll(url, queue)).map(({ properties }) => properties.messageId as unknown)
const waitingIn = (queue: string): Promise<number> =>
  withChannel(url, async (channel) => (await channel.checkQueue(queue)).messageCount)

const FOUR: readonly WantedFailure[] = [
  { id: 'a', tracker: '1', reason: 'corrupt', age: 3 * HOUR },
  { id: 'b', tracker: '2', reason: 'transient', age: HOUR },
  { id: 'c', tracker: '1', reason: 'transient' },
  { id: 'd', tracker: '3', reason: 'usage', content: Buffer.from('no JSON \x1b[31m') },
]

describe('duckfleet failed list', () => {
  it('tells everything of every message, and leaves all where they are', async () => {
    await addFailures(url, small, FOUR)
    await addFailures(url, `${small}_big`, [{ id: 'e', tracker: '9', reason: 'engine' }])
    const ran = await failed(['list', '--json'])
    expect(ran.status).toBe(0)
    expect(objects(ran).map(({ id, size, tracker, reason }) => [id, size, tracker, reason])).toEqual([
      ['a', 'small', '1', 'corrupt'],
      ['b', 'small', '2', 'transient'],
      ['c', 'small', '1', 'transient'],
      ['d', 'small', undefined, 'usage'],
      ['e', 'big', '9', 'engine'],
    ])
    expect(objects(ran)[0]).toMatchObject({
      attempts: 5,
      error: 'corrupt happened',
      body: bodyOf('1', 'a'),
    })
    expect(await idsIn(failedQueue(small))).toEqual(['a', 'b', 'c', 'd'])
  })

  it('filters by reason, tracker, age, id, queue and number', async () => {
    await addFailures(url, small, FOUR)
    await addFailures(url, `${small}_big`, [{ id: 'e', tracker: '9', reason: 'engine' }])
    const ids = async (...args: string[]): Promise<unknown[]> =>
      objects(await failed(['list', '--json', ...args])).map(({ id }) => id)
    expect(await ids('--reason', 'corrupt', 'usage')).toEqual(['a', 'd'])
    expect(await ids('--tracker', '1')).toEqual(['a', 'c'])
    expect(await ids('--tracker', '1', '--reason', 'transient')).toEqual(['c'])
    expect(await ids('--older-than', '2h')).toEqual(['a'])
    expect(await ids('--older-than', '30m')).toEqual(['a', 'b'])
    expect(await ids('--limit', '2')).toEqual(['a', 'b'])
    expect(await ids('--queue', 'big')).toEqual(['e'])
    expect(await ids('c', 'e')).toEqual(['c', 'e'])
    expect(await waitingIn(failedQueue(small))).toBe(4)
  })

  it('prints a table in which no message can play with the terminal', async () => {
    await addFailures(url, small, [...FOUR, { tracker: '4', reason: '\x1b[2J' }])
    const { out } = await failed(['list'])
    const text = out.join('\n')
    expect(text).toContain('│ a')
    expect(text).toMatch(/#[0-9a-f]{12}/)
    expect(text).not.toContain('\x1b')
    const shown = await failed(['show', 'd'])
    expect(shown.out.join('\n')).toContain('no JSON \\x1b[31m')
  })

  it('finds nothing where no queue is yet, and makes none', async () => {
    const { status, err } = await failed(['list'])
    expect([status, err]).toEqual([0, ['0 failed messages of 0 looked at']])
    await expect(waitingIn(failedQueue(small))).rejects.toThrow('404')
  })

  it('shows one by the id that the list tells, also one that has none of its own', async () => {
    await addFailures(url, small, [{ tracker: '4', reason: 'engine' }])
    const [entry] = objects(await failed(['list', '--json']))
    const shown = await failed(['show', String(entry?.['id']), 'nobody'])
    expect(shown.out).toContain(`body     ${bodyOf('4', 'file')}`)
    expect([shown.status, shown.err.at(-1)]).toEqual([1, 'no failed message has the id nobody'])
  })

  it.each([
    ['--older-than', 'soon'],
    ['--limit', '0'],
    ['--queue', 'huge'],
  ])('refuses %s %s', async (...args) => {
    expect((await failed(['list', ...args])).status).toBe(2)
  })
})

describe('failed messages of a queue that drops what it delivers too often', () => {
  const limitTo = (deliveries: number): Promise<void> =>
    setPolicy(small, `^${small}`, { 'delivery-limit': deliveries })
  /** The management API tells of a policy some seconds later. */
  const told = (limit: number): Promise<void> =>
    until(async () => {
      const answer = await manage('GET', `queues/%2F/${failedQueue(small)}`)
      return JSON.stringify(answer).includes(`"delivery-limit":${limit}`)
    }, 20_000)

  it('are not looked at when few looks would use them up, and what to do is said', async () => {
    await addFailures(url, small, FOUR)
    await limitTo(2)
    await told(2)
    const drop = ['drop', '--yes', '--output', join(folder, 'dropped.jsonl')]
    for (const command of [['list'], ['retry'], drop, ['list'], ['list']]) {
      const ran = await failed(command)
      expect(ran.status).toBe(2)
      expect(ran.err.at(-1)).toMatch(/drops messages of .*\.failed after 2 deliveries.*nothing was looked at/)
      expect(ran.err.at(-1)).toMatch(/set a policy for \^.*\.failed\$/)
    }
    expect(await idsIn(failedQueue(small))).toEqual(['a', 'b', 'c', 'd'])
    expect(await readdir(folder)).toEqual([])
  })

  it('are looked at with a warning when many would, and no more before they do', async () => {
    await addFailures(url, small, [{ id: 'a', tracker: '1', reason: 'corrupt' }])
    await limitTo(20)
    await told(20)
    const statuses: number[] = []
    for (let looks = 0; looks < 13; looks++) {
      const ran = await failed(['list'])
      expect(ran.err.join('\n')).toContain('after 20 deliveries, and each look is one')
      statuses.push(ran.status)
    }
    expect(statuses.lastIndexOf(0)).toBe(9)
    expect(statuses.slice(10)).toEqual([2, 2, 2])
    expect(await waitingIn(failedQueue(small))).toBe(1)
  })

  it('are looked at without a management API, which is said', async () => {
    await addFailures(url, small, FOUR)
    const nowhere = { ...environment, RABBIT_MANAGEMENT_URL: 'http://127.0.0.1:1' }
    const ran = await failed(['list', '--json'], { environment: nowhere })
    expect([ran.status, ran.out.length]).toEqual([0, 4])
    expect(ran.err[0]).toMatch(
      /is not known: the management API at http:\/\/127\.0\.0\.1:1 cannot be reached/,
    )
  })
})

describe('duckfleet failed retry', () => {
  it('moves those that are meant back as if they were new, and leaves the others in their order', async () => {
    const bytes = Buffer.from([0x7b, 0xff, 0x00, 0x7d])
    await addFailures(url, small, [...FOUR, { id: 'raw', tracker: '5', reason: 'usage', content: bytes }])
    const ran = await failed(['retry', '--reason', 'transient', 'usage'])
    expect([ran.status, ran.out]).toEqual([0, ['4 messages moved back to the work queues']])
    expect(await idsIn(failedQueue(small))).toEqual(['a'])
    const back = await takeAll(url, small)
    expect(back.map(({ properties }) => properties.messageId as unknown).sort()).toEqual([
      'b',
      'c',
      'd',
      'raw',
    ])
    for (const { properties } of back) {
      expect(properties.headers).toEqual({
        [HEADERS.attempts]: 1,
        [HEADERS.publish]: expect.any(Number) as number,
        'x-of-somebody-else': 'kept',
      })
    }
    expect(back.find(({ properties }) => properties.messageId === 'raw')?.content).toEqual(bytes)
  })

  it('sends those of the big queue to the big queue', async () => {
    await addFailures(url, `${small}_big`, [{ id: 'e', tracker: '9', reason: 'engine' }])
    expect((await failed(['retry', '--json'])).out).toHaveLength(1)
    expect(await idsIn(`${small}_big`)).toEqual(['e'])
  })

  it('leaves what is not meant in its order', async () => {
    const many = Array.from({ length: 700 }, (_, index) => ({
      id: String(index),
      tracker: '1',
      reason: index % 7 === 0 ? 'transient' : 'corrupt',
    }))
    await addFailures(url, small, many)
    expect((await failed(['retry', '--reason', 'transient'])).out).toEqual([
      '100 messages moved back to the work queues',
    ])
    const left = many.filter(({ reason }) => reason === 'corrupt').map(({ id }) => id)
    expect(await idsIn(failedQueue(small))).toEqual(left)
  })

  it('does not go on for ever when what it retries fails again at once', async () => {
    await addFailures(url, small, FOUR)
    const again = await withChannel(url, async (channel) => {
      await channel.consume(small, (message) => {
        if (message === null) return
        channel.sendToQueue(failedQueue(small), message.content, { messageId: 'again' })
        channel.ack(message)
      })
      return failed(['retry'])
    })
    expect(again.out).toEqual(['4 messages moved back to the work queues'])
    expect(await idsIn(failedQueue(small))).toEqual(['again', 'again', 'again', 'again'])
  })

  it('says how many could not be looked at, when more than it can hold are not meant', async () => {
    const held = 50_000
    const nobody = { tracker: '1', reason: 'corrupt', content: Buffer.from('{}') } as const
    const all: WantedFailure[] = Array.from({ length: held + 5 }, () => nobody)
    await addFailures(url, small, [...all, { id: 'last', tracker: '2', reason: 'transient' }])
    const ran = await failed(['retry', '--reason', 'transient'])
    expect(ran.status).toBe(1)
    expect(ran.err.join('\n')).toContain('6 failed messages were not looked at: 50,000 are before them')
    expect(await waitingIn(failedQueue(small))).toBe(held + 6)
    expect((await failed(['retry', '--reason', 'corrupt', '--limit', '6'])).status).toBe(0)
    expect((await failed(['retry', '--reason', 'transient'])).out).toEqual([
      '1 message moved back to the work queues',
    ])
  })

  it('loses none of 1,000 messages when it is killed at ten points', async () => {
    const ids = Array.from({ length: 1000 }, (_, index) => `m${index}`)
    let stranded = 0
    for (let point = 0; point < 10; point++) {
      await addFailures(
        url,
        small,
        ids.map((id) => ({ id, tracker: '1', reason: 'transient' })),
      )
      await killedAfter(1 + point * 100)
      // What it held goes back when the broker sees that it is gone.
      await until(
        async () => (await waitingIn(failedQueue(small))) + (await waitingIn(small)) >= 1000,
        20_000,
      )
      const left = await idsIn(failedQueue(small))
      const back = await idsIn(small)
      stranded += left.length
      expect(new Set([...left, ...back])).toEqual(new Set(ids))
      expect(new Set(left).size).toBe(left.length)
    }
    // Or it was never killed while it was at work.
    expect(stranded).toBeGreaterThan(1000)
  })

  /** Starts the compiled command and kills it when it has told of so many messages. */
  async function killedAfter(count: number): Promise<void> {
    const cli = join(PROJECT, 'dist', 'src', 'cli', 'main.js')
    const env = { ...process.env, ...environment }
    const child = spawn(process.execPath, [cli, 'failed', 'retry', '--json'], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let lines = 0
    child.stdout.on('data', (chunk: Buffer) => {
      lines += chunk.toString().split('\n').length - 1
      if (lines >= count) child.kill('SIGKILL')
    })
    const signal = await new Promise((resolve) =>
      child.once('close', (_code, name) => {
        resolve(name)
      }),
    )
    expect(signal).toBe('SIGKILL')
  }
})

describe('duckfleet failed drop', () => {
  it('asks with the number, writes what it drops to a file, and drops no more', async () => {
    await addFailures(url, small, FOUR)
    const file = join(folder, 'dropped.jsonl')
    const ran = await failed(['drop', '--tracker', '1', '--output', file], { answer: true })
    expect(ran.asked).toEqual(['Drop 2 failed messages of tracker 1 in dev for good?'])
    expect([ran.status, ran.out]).toEqual([0, [`2 messages dropped; ${file} keeps them`]])
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n')
    const kept = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(kept.map(({ id, body }) => [id, body])).toEqual([
      ['a', bodyOf('1', 'a')],
      ['c', bodyOf('1', 'c')],
    ])
    expect(await idsIn(failedQueue(small))).toEqual(['b', 'd'])
  })

  it('drops nothing when a person says no, or none is there to ask', async () => {
    await addFailures(url, small, FOUR)
    const file = join(folder, 'dropped.jsonl')
    const refused = await failed(['drop', '--output', file], { answer: false })
    expect([refused.status, refused.err.at(-1)]).toEqual([0, 'nothing was dropped'])
    const alone = await failed(['drop', '--output', file])
    expect([alone.status, alone.err.at(-1)]).toEqual([2, expect.stringContaining('add --yes')])
    expect(await readdir(folder)).toEqual([])
    expect(await idsIn(failedQueue(small))).toEqual(['a', 'b', 'c', 'd'])
  })

  it('keeps what failed after the question was asked', async () => {
    await addFailures(url, small, FOUR)
    const file = join(folder, 'dropped.jsonl')
    await sendRaw(url, failedQueue(small), Buffer.from('later'), {
      messageId: 'later',
      headers: { [HEADERS.failedAt]: new Date(Date.now() + HOUR).toISOString() },
    })
    await failed(['drop', '--limit', '5', '--output', file], { answer: true })
    expect(await idsIn(failedQueue(small))).toEqual(['later'])
  })

  it('keeps bytes that are no text, and writes to no file that is there', async () => {
    const bytes = Buffer.from([0xff, 0xfe])
    await addFailures(url, small, [{ id: 'raw', tracker: '1', reason: 'usage', content: bytes }])
    const file = join(folder, 'dropped.jsonl')
    expect((await failed(['drop', '--yes', '--output', file])).status).toBe(0)
    const [line = ''] = (await readFile(file, 'utf8')).split('\n')
    expect(
      Buffer.from(String((JSON.parse(line) as Record<string, unknown>)['bodyBase64']), 'base64'),
    ).toEqual(bytes)
    await addFailures(url, small, FOUR)
    const again = await failed(['drop', '--yes', '--output', file])
    expect([again.status, again.err.at(-1)]).toEqual([2, expect.stringContaining('it is there already')])
    expect(await idsIn(failedQueue(small))).toEqual(['a', 'b', 'c', 'd'])
  })
})
