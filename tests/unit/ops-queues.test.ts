import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { createConfirm } from '../../src/cli/confirm.js'
import { queuesTable } from '../../src/cli/queues-text.js'
import { createScreen } from '../../src/cli/screen.js'
import { readFleetConfig } from '../../src/fleet-config.js'
import { putMetrics } from '../../src/ops/cloudwatch.js'
import { metricsOf } from '../../src/ops/depth-metrics.js'
import { formatDuration, parseDuration } from '../../src/ops/duration.js'
import { figuresOf } from '../../src/ops/queue-figures.js'
import type { QueueFigures } from '../../src/ops/queue-figures.js'
import type { QueueDepth } from '../../src/queue/port-depth.js'
import { managementAccess } from '../../src/queue/rabbitmq/management-access.js'
import { getJson } from '../../src/queue/rabbitmq/management-http.js'
import { startCloudWatchServer, useServers } from '../support/aws-servers.js'

const never = new AbortController().signal
const NOW = Date.parse('2026-11-21T12:00:00Z')

const depth = (name: string, known: Partial<QueueDepth> = {}): QueueDepth => ({
  name,
  exists: true,
  ready: 0,
  inWork: 0,
  consumers: 0,
  publishRate: 0,
  ackRate: 0,
  messageBytes: 0,
  oldestAt: undefined,
  ...known,
})
const small = (known: Partial<QueueDepth>): readonly QueueFigures[] => {
  const families = [{ work: depth('q', known), retry: depth('q.retry'), failed: depth('q.failed') }]
  return figuresOf({ missing: undefined, warnings: [], families }, NOW)
}
const workLine = (known: Partial<QueueDepth>): QueueFigures | undefined => small(known)[0]

describe('the time until a queue is empty', () => {
  it('is what is left, divided by how much faster messages go than come', () => {
    expect(workLine({ ready: 90, inWork: 10, ackRate: 3, publishRate: 1 })?.drainSeconds).toBe(50)
    expect(workLine({})?.drainSeconds).toBe(0)
  })

  it('is not known when nobody works, the queue grows, or rates are not known', () => {
    expect(workLine({ ready: 9 })?.drainSeconds).toBeNull()
    expect(workLine({ ready: 9, ackRate: 2, publishRate: 2 })?.drainSeconds).toBeNull()
    expect(workLine({ ready: 9, ackRate: undefined })?.drainSeconds).toBeNull()
    const text = queuesTable(small({ ready: 9, ackRate: 2, publishRate: 2 })).join('\n')
    expect(text).toContain('grows')
  })
})

describe('figures of queues', () => {
  it('tell how long the next message has waited, where the broker does', () => {
    expect(workLine({ ready: 1, oldestAt: NOW - 90_000 })?.oldestSeconds).toBe(90)
    expect(workLine({ ready: 1 })?.oldestSeconds).toBeNull()
    expect(workLine({ ready: 0, oldestAt: undefined })?.oldestSeconds).toBe(0)
  })

  it('go to CloudWatch under the work queue, and never as a zero that nobody knows', () => {
    const known = metricsOf(small({ ready: 5, inWork: undefined, consumers: 2, oldestAt: NOW - 1000 }))
    expect(known.map(({ name, queue, value, unit }) => [name, queue, value, unit])).toEqual([
      ['Ready', 'q', 5, 'Count'],
      ['Failed', 'q', 0, 'Count'],
      ['OldestMessageSeconds', 'q', 1, 'Seconds'],
      ['Consumers', 'q', 2, 'Count'],
    ])
  })
})

describe('CloudWatch', () => {
  it('is given up within the limit when it is busy or silent, and asked again before', async () => {
    const answers: ({ status: number; error: string } | null)[] = [
      { status: 400, error: 'ThrottlingException' },
    ]
    const server = await startCloudWatchServer(() => {
      const next = answers.shift()
      return next === undefined ? {} : next
    })
    const restore = useServers({ cloudWatch: server.endpoint })
    try {
      await putMetrics('duckfleet/dev', metricsOf(small({})), never)
      expect(server.calls).toHaveLength(2)
      answers.push(null)
      const silent = putMetrics('duckfleet/dev', metricsOf(small({})), never, 300)
      await expect(silent).rejects.toMatchObject({ code: 'transient', message: /no answer within 0.3 s/ })
    } finally {
      restore()
      await server.close()
    }
  })
})

describe('the address of the management API', () => {
  const ca = undefined
  const broker = { host: 'rabbit', user: 'u', password: 'p', tls: false }
  const usual = (host: string, tls: boolean): string =>
    managementAccess({ ...broker, host, tls }, { management: undefined, ca }).address

  it('is the usual one of the host, encrypted where the broker is', () => {
    expect(usual('rabbit', false)).toBe('http://rabbit:15672')
    expect(usual('rabbit', true)).toBe('https://rabbit:15671')
    expect(usual('::1', false)).toBe('http://[::1]:15672')
    expect(usual('b-1.mq.us-east-1.amazonaws.com', true)).toBe('https://b-1.mq.us-east-1.amazonaws.com')
  })

  it('is the one that is named, with its own user if it has one', () => {
    const named = (management: string): unknown => managementAccess(broker, { management, ca })
    expect(named('https://a:b%40c@host/x/')).toEqual({
      address: 'https://host/x',
      user: 'a',
      password: 'b@c',
      ca,
    })
    expect(named('https://host:1')).toEqual({ address: 'https://host:1', user: 'u', password: 'p', ca })
  })

  it('is checked with the rest of the environment, and not repeated', () => {
    const read = (): unknown => readFleetConfig({ RABBIT_MANAGEMENT_URL: 'amqp://a:hunter2@b' })
    expect(read).toThrow('RABBIT_MANAGEMENT_URL')
    expect(read).not.toThrow(/hunter2/)
  })
})

describe('the management API', () => {
  const closes: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closes.splice(0)) await close()
  })
  const ask = async (listener: RequestListener, limitMs = 500): Promise<unknown> => {
    const server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    closes.push(async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    })
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return getJson({ address, user: 'u', password: 'hunter2', ca: undefined }, 'queues/%2F', limitMs, never)
  }

  it('is asked with user and password', async () => {
    const answer = await ask(({ url, headers }, response) => {
      response.end(JSON.stringify([url, headers.authorization]))
    })
    expect(answer).toEqual(['/api/queues/%2F', `Basic ${Buffer.from('u:hunter2').toString('base64')}`])
  })

  it.each([
    [401, 'usage', /refused the user u/],
    [404, 'usage', /no such virtual host/],
    [503, 'transient', /status 503/],
  ])('says what a status of %d means', async (status, code, message) => {
    const asked = ask((_request, response) => response.writeHead(status).end())
    await expect(asked).rejects.toMatchObject({ code, message })
  })

  it('may be something else, silent, or without an end', async () => {
    await expect(ask((_request, response) => response.end('<html>'))).rejects.toThrow('no management API')
    await expect(ask(() => undefined, 100)).rejects.toThrow('no answer within 0.1 s')
    const endless = ask((_request, response) => {
      const more = (): void => {
        while (response.write(Buffer.alloc(1_000_000)));
        response.once('drain', more)
      }
      more()
    }, 5_000)
    await expect(endless).rejects.toThrow('longer than')
  })
})

describe('a screen', () => {
  const shown = (isTTY: boolean): string[] => {
    const out: string[] = []
    const io = { out: (line: string) => out.push(line), err: () => undefined, isTTY }
    const screen = createScreen(io, { isTTY, columns: 10 })
    screen.show(['one', 'a line that is longer'])
    screen.show(['two'])
    screen.close()
    screen.close()
    return out
  }

  it('shows lines in the place of those before, cut to its width, and gives the cursor back once', () => {
    expect(shown(true)).toEqual(['\x1b[?25lone\na line th', '\x1b[2A\r\x1b[0Jtwo', '\x1b[?25h\x1b[1A'])
  })

  it('shows them one below the other where it is none', () => {
    expect(shown(false)).toEqual(['one', 'a line that is longer', 'two'])
  })
})

describe('a question', () => {
  const ask = async (typed: string | null, isTTY = true, signal = never): Promise<boolean> => {
    const input = Object.assign(new PassThrough(), { isTTY })
    const answer = createConfirm(input, new PassThrough())('Sure?', signal)
    if (typed === null) input.end()
    else input.write(typed)
    return answer
  }

  it('takes yes for yes, and anything else for no', async () => {
    expect(await ask('y\n')).toBe(true)
    expect(await ask('YES\n')).toBe(true)
    expect(await ask('\n')).toBe(false)
    expect(await ask('yesterday\n')).toBe(false)
    expect(await ask(null)).toBe(false)
  })

  it('is not asked where nobody is, and ends with the signal', async () => {
    await expect(ask('y\n', false)).rejects.toMatchObject({ code: 'usage' })
    await expect(ask('', true, AbortSignal.timeout(20))).rejects.toMatchObject({ code: 'aborted' })
  })
})

describe('times', () => {
  it('are written with a unit', () => {
    expect(['90s', '15m', '2h', '1.5d'].map(parseDuration)).toEqual([90_000, 900_000, 7_200_000, 129_600_000])
    for (const wrong of ['', '5', 'h', '-1h', '2 weeks'])
      expect(() => parseDuration(wrong)).toThrow('is no time')
    expect([43, 720, 26_280, 200_000].map(formatDuration)).toEqual(['43 s', '12 min', '7.3 h', '2.3 d'])
  })
})
