import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { connect } from 'amqplib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { failedQueue } from '../../src/queue/rabbitmq/topology.js'
import { startCloudWatchServer, useServers } from '../support/aws-servers.js'
import { PROJECT } from '../support/cli.js'
import { addFailures } from '../support/failing.js'
import { operate } from '../support/operating.js'
import type { Ran } from '../support/operating.js'
import { setPolicy } from '../support/management.js'
import { until } from '../support/processes.js'
import { connectTo, deleteQueues, familyOf, someQueue, withChannel } from '../support/rabbit.js'
import { services } from '../support/services.js'

const never = new AbortController().signal
const url = services().rabbitUrl
const management = services().rabbitManagementUrl

let small: string
let big: string
let environment: Record<string, string>
beforeEach(() => {
  small = someQueue()
  big = `${small}_big`
  environment = { RABBIT_URL: url, RABBIT_MANAGEMENT_URL: management, QUEUE_NAME: small }
})
afterEach(async () => {
  await deleteQueues(url, [...familyOf(small), ...familyOf(big)])
})

interface Figures {
  readonly queue: string
  readonly [name: string]: unknown
}
const queues = (args: readonly string[] = [], more: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  operate(['queues', ...args], { environment: { ...environment, ...more } })
const figures = async (more: Readonly<Record<string, string>> = {}): Promise<Map<string, Figures>> => {
  const { out } = await queues(['--json'], more)
  return new Map(out.map((line) => JSON.parse(line) as Figures).map((line) => [line.queue, line]))
}

function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return {
    opened,
    open: () => {
      open()
    },
  }
}

/** Work of every kind: 7 ready, 1 in work, 2 to be tried again, 3 failed, and 5 that are done. */
async function work(): Promise<() => Promise<void>> {
  const { broker } = await connectTo(url)
  const queue = await broker.queue(small)
  for (let index = 0; index < 15; index++) await queue.publish({ body: `{"n":${index}}` }, never)
  await addFailures(
    url,
    small,
    Array.from({ length: 3 }, (_, index) => ({ id: String(index), tracker: '1', reason: 'corrupt' })),
  )
  const stop = new AbortController()
  const [taken, free] = [gate(), gate()]
  const consuming = (async () => {
    let done = 0
    for await (const delivery of queue.consume(stop.signal)) {
      done += 1
      if (done <= 5) await delivery.ack()
      else if (done <= 7) await delivery.retry('transient', 60_000)
      else {
        taken.open()
        await free.opened
        await delivery.release()
      }
    }
  })()
  await taken.opened
  return async () => {
    stop.abort()
    free.open()
    await consuming
    await broker.close()
  }
}

describe('duckfleet queues', () => {
  it('tells what is ready, in work, waiting for another try and failed, and how fast it goes', async () => {
    const end = await work()
    try {
      // The broker measures every five seconds, rates apart from the rest, and may have done so halfway through the work.
      const left = 2 * 7 + 5 * 8
      await until(async () => {
        const line = (await figures()).get(small)
        const known = line?.['inWork'] === 1 && line['messageBytes'] === left
        return known && Number(line['ackRate']) > 0 && Number(line['publishRate']) > 0
      }, 40_000)
      const found = await figures()
      expect(found.get(small)).toMatchObject({
        size: 'small',
        kind: 'work',
        exists: true,
        ready: 7,
        inWork: 1,
        consumers: 1,
        messageBytes: left,
      })
      expect(found.get(`${small}.retry`)).toMatchObject({ kind: 'retry', ready: 2, exists: true })
      expect(found.get(failedQueue(small))).toMatchObject({ kind: 'failed', ready: 3 })
      expect(found.get(big)).toMatchObject({ size: 'big', exists: false, ready: 0 })
      const text = (await queues()).out.join('\n')
      expect(text).toContain(small)
      expect(text).toContain(`${big} (not there yet)`)
    } finally {
      await end()
    }
  })

  it('counts what is ready and who consumes without a management API, and says what it cannot know', async () => {
    const end = await work()
    try {
      const nowhere = { RABBIT_MANAGEMENT_URL: 'http://127.0.0.1:1' }
      const ran = await queues([], nowhere)
      expect(ran.status).toBe(0)
      expect(ran.err.join('\n')).toMatch(/http:\/\/127\.0\.0\.1:1 cannot be reached.*Only ready messages/)
      expect((await figures(nowhere)).get(small)).toMatchObject({
        ready: 7,
        inWork: null,
        consumers: 1,
        publishRate: null,
        ackRate: null,
        drainSeconds: null,
        oldestSeconds: expect.any(Number) as number,
      })
    } finally {
      await end()
    }
  })

  it('says so when the management API refuses the password, and does not repeat it', async () => {
    const wrong = new URL(management)
    wrong.password = 'hunter2'
    const { status, err } = await queues([], { RABBIT_MANAGEMENT_URL: wrong.href })
    expect(status).toBe(0)
    expect(err.join('\n')).toContain('refused the user duckfleet')
    expect(err.join('\n')).not.toContain('hunter2')
  })

  it('makes no queue, and takes no message', async () => {
    await queues()
    await withChannel(url, async (channel) => {
      await expect(channel.checkQueue(small)).rejects.toThrow('404')
    })
  })

  it('warns of policies that lose messages', async () => {
    const definition = {
      expires: 86_400_000,
      'message-ttl': 3_600_000,
      'max-length': 9,
      overflow: 'drop-head',
    }
    await setPolicy(small, `^${small}`, definition)
    const { broker } = await connectTo(url)
    await broker.queue(small)
    await broker.close()
    let told: readonly string[] = []
    await until(async () => {
      told = (await queues()).err
      return told.some((line) => line.includes('message-ttl'))
    }, 40_000)
    const text = told.join('\n')
    expect(text).toContain(`deletes ${small} with all that is in it when nobody consumes it for 86400 s`)
    expect(text).toContain(`drops what has been in ${failedQueue(small)} for 3600 s (message-ttl)`)
    expect(text).toContain(`drops the oldest of ${failedQueue(small)} when it is full`)
    // These go to the failed ones.
    expect(text).not.toContain(`drops what has been in ${small} `)
  })

  it('warns of a policy that keeps short what was made before its oldest message was safe from that', async () => {
    await withChannel(url, async (channel) => {
      for (const queue of [small, big])
        await channel.assertQueue(failedQueue(queue), {
          arguments: {
            'x-queue-type': 'quorum',
            ...(queue === big ? { 'x-overflow': 'reject-publish' } : {}),
          },
        })
    })
    await setPolicy(small, `^${small}`, { 'max-length': 9 })
    let told: readonly string[] = []
    await until(async () => {
      told = (await queues()).err
      return told.some((line) => line.includes(`drops the oldest of ${failedQueue(small)} when it is full`))
    }, 40_000)
    expect(told.join('\n')).not.toContain(failedQueue(big))
  })

  it('fails with a sentence when the broker is not there', async () => {
    const { status, err } = await queues([], { RABBIT_URL: 'amqp://a:b@127.0.0.1:1' })
    expect(status).toBe(1)
    expect(err.at(-1)).toContain('RabbitMQ at 127.0.0.1:1 cannot be reached')
  })

  it('answers in less than a second with 200,000 messages waiting', async () => {
    const { broker } = await connectTo(url)
    await broker.queue(small)
    await broker.close()
    await fill(200_000)
    await queues()
    const begun = performance.now()
    const { out } = await queues(['--json'])
    expect(performance.now() - begun).toBeLessThan(1000)
    expect(JSON.parse(out[0] ?? '')).toMatchObject({ ready: 200_000 })
  })

  /** On one channel, without waiting for each. */
  async function fill(messages: number): Promise<void> {
    const model = await connect(url)
    const channel = await model.createConfirmChannel()
    for (let sent = 0; sent < messages;) {
      for (let more = 0; more < 5000; more++, sent++)
        channel.sendToQueue(small, Buffer.from(`{"n":${sent}}`), { persistent: true })
      await channel.waitForConfirms()
    }
    await model.close()
  }
})

describe('duckfleet queues --cloudwatch', () => {
  it('puts the figures that alarms and scaling read into the namespace of the environment', async () => {
    const server = await startCloudWatchServer()
    const restore = useServers({ cloudWatch: server.endpoint })
    const end = await work()
    try {
      await until(async () => (await figures()).get(small)?.['inWork'] === 1, 30_000)
      const ran = await queues(['--cloudwatch', '--env', 'staging'])
      expect(ran.status).toBe(0)
      expect(server.calls).toHaveLength(1)
      const { Namespace, MetricData } = server.calls[0]?.input as {
        Namespace: string
        MetricData: {
          MetricName: string
          Value: number
          Unit: string
          Dimensions: { Name: string; Value: string }[]
        }[]
      }
      expect(Namespace).toBe('duckfleet/staging')
      const ours = MetricData.filter(({ Dimensions }) => Dimensions[0]?.Value === small)
      expect(ours.map(({ MetricName, Value, Unit }) => [MetricName, Value, Unit])).toEqual([
        ['Ready', 7, 'Count'],
        ['InWork', 1, 'Count'],
        ['Failed', 3, 'Count'],
        ['OldestMessageSeconds', expect.any(Number), 'Seconds'],
        ['Consumers', 1, 'Count'],
      ])
      // An empty queue has no old message.
      const others = MetricData.filter(({ Dimensions }) => Dimensions[0]?.Value === big)
      expect(others.map(({ MetricName, Value }) => [MetricName, Value])).toEqual([
        ['Ready', 0],
        ['InWork', 0],
        ['Failed', 0],
        ['OldestMessageSeconds', 0],
        ['Consumers', 0],
      ])
    } finally {
      await end()
      restore()
      await server.close()
    }
  })

  it('fails when CloudWatch refuses, after the figures are shown, and when some are not known', async () => {
    const server = await startCloudWatchServer(() => ({ status: 403, error: 'AccessDenied' }))
    const restore = useServers({ cloudWatch: server.endpoint })
    try {
      const refused = await queues(['--cloudwatch'])
      expect([refused.status, refused.out.length > 0]).toEqual([2, true])
      expect(refused.err.at(-1)).toContain('cloudwatch:PutMetricData')
    } finally {
      restore()
      await server.close()
    }
    const taking = await startCloudWatchServer()
    const again = useServers({ cloudWatch: taking.endpoint })
    try {
      await withChannel(url, (channel) => channel.assertQueue(small))
      const { status } = await queues(['--cloudwatch'], { RABBIT_MANAGEMENT_URL: 'http://127.0.0.1:1' })
      expect(status).toBe(1)
    } finally {
      again()
      await taking.close()
    }
  })
})

describe('duckfleet queues --watch', () => {
  const cli = join(PROJECT, 'dist', 'src', 'cli', 'main.js')

  it('refreshes in place on a terminal, and gives it back when it is stopped', async () => {
    // `script` is a terminal; the shell in it becomes the command, so that a signal to the group reaches it.
    const line = `stty cols 200; exec '${process.execPath}' '${cli}' queues --watch`
    const child = spawn('script', ['-qec', line, '/dev/null'], {
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let screen = ''
    child.stdout.on('data', (chunk: Buffer) => {
      screen += chunk.toString()
    })
    const tables = (): number => screen.split('┌').length - 1
    await until(() => tables() >= 2, 20_000)
    // As a person does it.
    child.stdin.write('\x03')
    const [code] = (await once(child, 'close')) as [number]
    expect(code).toBe(130)
    expect(screen).toContain('\x1b[?25l')
    expect(screen).toMatch(/\x1b\[11A\r\x1b\[0J/)
    expect(screen.lastIndexOf('\x1b[?25h')).toBeGreaterThan(screen.lastIndexOf('┌'))
  })

  it('prints one look after the other elsewhere, as objects with a time', async () => {
    const child = spawn(process.execPath, [cli, 'queues', '--watch', '--json'], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
    })
    await until(() => out.split('\n').length > 12, 20_000)
    child.kill('SIGTERM')
    const [code] = (await once(child, 'close')) as [number]
    expect(code).toBe(143)
    const lines = out.trimEnd().split('\n')
    expect(lines.length % 6).toBe(0)
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({ at: expect.any(String) as string, ready: 0 })
  })
})
