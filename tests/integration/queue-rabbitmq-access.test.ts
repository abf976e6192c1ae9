import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectRabbit } from '../../src/queue/rabbitmq/broker.js'
import type { RabbitCredentials } from '../../src/queue/rabbitmq/link.js'
import { manage } from '../support/management.js'
import { until } from '../support/processes.js'
import { connectTo, credentialsOf, someQueue } from '../support/rabbit.js'
import type { Watched } from '../support/rabbit.js'
import { services } from '../support/services.js'

const never = new AbortController().signal
const { rabbitUrl: url, rabbitTlsUrl, tlsCa } = services()

/** A user and a virtual host of this test's own. */
let user: string
let vhost: string
const opened: Watched[] = []
const setPassword = (password: string): Promise<unknown> =>
  manage('PUT', `users/${user}`, { password, tags: '' })
const rights = (configure: string, write = '.*'): Promise<unknown> =>
  manage('PUT', `permissions/${encodeURIComponent(vhost)}/${user}`, { configure, write, read: '.*' })

beforeEach(async () => {
  user = `user-${randomBytes(6).toString('hex')}`
  vhost = `a/b %2f-${user}`
  await setPassword('first')
  await manage('PUT', `vhosts/${encodeURIComponent(vhost)}`, {})
  await rights('.*')
})
afterEach(async () => {
  for (const { broker } of opened.splice(0)) await broker.close()
  await manage('DELETE', `vhosts/${encodeURIComponent(vhost)}`)
  await manage('DELETE', `users/${user}`)
})

/** What a store of secrets gives; `fresh` reads it again. */
function rotating(secret: { password: string }): {
  asked: boolean[]
  credentials: (options: { fresh: boolean }) => Promise<RabbitCredentials>
} {
  let kept = secret.password
  const asked: boolean[] = []
  return {
    asked,
    credentials: ({ fresh }) => {
      asked.push(fresh)
      if (fresh) kept = secret.password
      return Promise.resolve({ ...credentialsOf(url), user, vhost, password: kept })
    },
  }
}

async function open(options: Parameters<typeof connectTo>[1]): Promise<Watched> {
  const watched = await connectTo(url, options)
  opened.push(watched)
  return watched
}

/** Ends the connections of the user, as a broker that restarts would. */
async function disconnect(): Promise<void> {
  const mine = async (): Promise<string[]> => {
    const all = (await manage('GET', 'connections')) as { name: string; user?: string }[]
    return all.filter((connection) => connection.user === user).map(({ name }) => name)
  }
  // The plugin learns of a connection some seconds after it was opened.
  await until(async () => (await mine()).length > 0, 20_000)
  for (const name of await mine()) await manage('DELETE', `connections/${encodeURIComponent(name)}`)
}

describe('credentials', () => {
  it('that rotated while a worker runs are asked for again, and it goes on', async () => {
    const secret = { password: 'first' }
    const { asked, credentials } = rotating(secret)
    const { broker, events } = await open({ credentials })
    const queue = await broker.queue(someQueue())
    secret.password = 'second'
    await setPassword('second')
    await disconnect()
    await until(() => events.some(({ message }) => message.startsWith('connected again')), 20_000)
    await queue.publish({ body: 'x' }, never)
    expect(asked).toEqual([false, false, true])
    expect(JSON.stringify(events)).not.toMatch(/first|second/)
  })

  it('that are refused for good end the connection: publishers and consumers reject', async () => {
    const { credentials } = rotating({ password: 'first' })
    const { broker, events } = await open({ credentials, refusedLimitMs: 1_000 })
    const queue = await broker.queue(someQueue())
    const consumer = queue.consume(never)[Symbol.asyncIterator]()
    // Waited for from the start: a consumer that is still connecting may be refused at once.
    const refused = expect(consumer.next()).rejects.toMatchObject({ code: 'usage' })
    await setPassword('other')
    await Promise.all([refused, disconnect()])
    await expect(queue.publish({ body: 'x' }, never)).rejects.toMatchObject({ code: 'usage' })
    expect(events.filter(({ kind }) => kind === 'waiting').length).toBeGreaterThan(0)
  })

  it('that are wrong at the start are asked for once more, and refused with a sentence without the password', async () => {
    const { asked, credentials } = rotating({ password: 'hunter2' })
    const error: unknown = await open({ credentials }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'usage' })
    expect(String(error)).toContain(`refused the password of user ${user}`)
    expect(JSON.stringify([String(error), error])).not.toContain('hunter2')
    expect(asked).toEqual([false, true])
  })

  it('without the right to make queues do, where the queues are there', async () => {
    const { credentials } = rotating({ password: 'first' })
    const name = someQueue()
    await (await open({ credentials })).broker.queue(name)
    await rights('^$')
    const { broker } = await open({ credentials })
    const queue = await broker.queue(name)
    await queue.publish({ body: 'x' }, never)
    await expect(broker.queue(someQueue())).rejects.toMatchObject({ code: 'usage' })
  })

  it('without the right to send end publishers and consumers, and the message stays', async () => {
    const { credentials } = rotating({ password: 'first' })
    const name = someQueue()
    const before = await (await open({ credentials })).broker.queue(name)
    await before.publish({ body: 'x' }, never)
    await rights('.*', '^$')
    const { broker } = await open({ credentials })
    const queue = await broker.queue(name)
    const refused = { code: 'usage', message: expect.stringContaining('amq.default') as string }
    await expect(queue.publish({ body: 'y' }, never)).rejects.toMatchObject(refused)
    for await (const delivery of queue.consume(never)) {
      await expect(delivery.fail('corrupt', 'torn')).rejects.toMatchObject(refused)
      break
    }
    await rights('.*')
    for await (const delivery of before.consume(never)) {
      expect(delivery.body).toBe('x')
      await delivery.ack()
      break
    }
  })

  it('for a virtual host that is not there are told so', async () => {
    const credentials = (): Promise<RabbitCredentials> =>
      Promise.resolve({ ...credentialsOf(url), vhost: 'nowhere' })
    await expect(open({ credentials, startLimitMs: 100 })).rejects.toMatchObject({
      code: 'transient',
      message: expect.stringContaining('refused the virtual host nowhere') as string,
    })
  })
})

describe('TLS', () => {
  it('works with the authority that signed the certificate', async () => {
    const ca = await readFile(tlsCa, 'utf8')
    const credentials = (): Promise<RabbitCredentials> => Promise.resolve(credentialsOf(rabbitTlsUrl, ca))
    const { events } = await open({ credentials })
    expect(events).toMatchObject([{ kind: 'connected' }])
  })

  it.each([
    ['an authority that is not known', () => credentialsOf(rabbitTlsUrl)],
    ['a name that is not in the certificate', () => ({ ...credentialsOf(rabbitTlsUrl), host: '127.0.0.1' })],
  ])('refuses %s, and says what to set', async (_what, credentials) => {
    const connecting = open({ credentials: () => Promise.resolve(credentials()) })
    await expect(connecting).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/certificate .*TLS_CA_FILE/) as string,
    })
  })
})

describe('connecting', () => {
  it('stops when the signal fires', async () => {
    const stop = new AbortController()
    const credentials = (): Promise<RabbitCredentials> =>
      Promise.resolve({ ...credentialsOf(url), host: '127.0.0.1', port: 1 })
    const connecting = connectRabbit(
      {
        credentials,
        onEvent: () => {
          stop.abort()
        },
      },
      stop.signal,
    )
    await expect(connecting).rejects.toMatchObject({ code: 'aborted' })
  })

  it('leaves no socket and no timer behind once closed', async () => {
    const count = (): number =>
      process.getActiveResourcesInfo().filter((kind) => /TCPSocketWrap|Timeout/.test(kind)).length
    const before = count()
    const { broker } = await connectTo(url)
    await broker.close()
    await broker.close()
    await until(() => count() <= before, 2_000)
  })
})
