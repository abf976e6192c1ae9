import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { type ConfirmChannel, connect } from 'amqplib'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Broker, startBroker } from '../support/broker.js'
import { services } from '../support/services.js'

describe("a broker of a test's own", () => {
  let broker: Broker
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(async () => {
    await broker.dispose()
  })

  const QUEUE = 'kept'

  async function onChannel<T>(use: (channel: ConfirmChannel) => Promise<T>): Promise<T> {
    const connection = await connect(broker.url)
    try {
      return await use(await connection.createConfirmChannel())
    } finally {
      await connection.close()
    }
  }

  const depth = (): Promise<number> =>
    onChannel(async (channel) => (await channel.checkQueue(QUEUE)).messageCount)

  it('keeps its confirmed messages when it is killed and started again', async () => {
    await onChannel(async (channel) => {
      await channel.assertQueue(QUEUE, { durable: true })
      channel.sendToQueue(QUEUE, Buffer.from('one'), { persistent: true })
      await channel.waitForConfirms()
    })
    // Messages are confirmed when they are on disk; a new queue's definition may come there a moment later.
    await broker.evaluate('mnesia:sync_log().')
    await broker.kill()
    await expect(connect(broker.url)).rejects.toThrow('ECONNREFUSED')
    await broker.start()
    expect(await depth()).toBe(1)
  })

  it('comes back after an orderly stop', async () => {
    await broker.stop()
    await expect(connect(broker.url)).rejects.toThrow('ECONNREFUSED')
    await broker.start()
    expect(await depth()).toBe(1)
  })

  it('answers nobody while it is frozen, and does again when it goes on', async () => {
    await broker.freeze()
    try {
      const overview = fetchOverview(AbortSignal.timeout(1000))
      await expect(overview).rejects.toThrow('timeout')
    } finally {
      await broker.thaw()
    }
    expect(await fetchOverview(AbortSignal.timeout(30_000))).toBe(200)
  })

  async function fetchOverview(signal: AbortSignal): Promise<number> {
    const url = new URL('/api/overview', broker.managementUrl)
    const authorization = `Basic ${btoa(`${url.username}:${url.password}`)}`
    url.username = url.password = ''
    return (await fetch(url, { signal, headers: { authorization } })).status
  }
})

describe('the shared services', () => {
  const shared = services()
  const ca = (): string => readFileSync(shared.tlsCa, 'utf8')

  it('are the same servers over TLS, whose certificate the authority for tests has signed', async () => {
    const connection = await connect(shared.rabbitTlsUrl, { ca: [ca()] })
    await connection.close()
    const client = new pg.Client({
      connectionString: `${shared.databaseTlsUrl}&sslrootcert=${shared.tlsCa}`,
    })
    await client.connect()
    const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
    await client.end()
    expect(rows).toEqual([{ ssl: true }])
    expect([200, 403]).toContain(await httpsStatus(shared.s3.tlsEndpoint, ca()))
  })

  it('are refused by who does not know that authority', async () => {
    const unknown = /unable to verify|self-signed certificate/
    await expect(connect(shared.rabbitTlsUrl)).rejects.toThrow(unknown)
    await expect(new pg.Client({ connectionString: shared.databaseTlsUrl }).connect()).rejects.toThrow(
      unknown,
    )
    await expect(httpsStatus(shared.s3.tlsEndpoint)).rejects.toThrow(unknown)
  })

  it('let tests make vhosts of their own', async () => {
    const vhost = `services-${randomUUID()}`
    const url = new URL(`/api/vhosts/${vhost}`, shared.rabbitManagementUrl)
    const authorization = `Basic ${btoa(`${url.username}:${decodeURIComponent(url.password)}`)}`
    url.username = url.password = ''
    const request = async (method: string): Promise<number> =>
      (await fetch(url, { method, headers: { authorization } })).status
    expect(await request('PUT')).toBe(201)
    try {
      const connection = await connect(`${shared.rabbitUrl}/${vhost}`)
      await connection.close()
    } finally {
      expect(await request('DELETE')).toBe(204)
    }
  })
})

/** Without credentials, S3 answers an empty list of buckets or 403. */
async function httpsStatus(url: string, ca?: string): Promise<number | undefined> {
  const request = get(url, ca === undefined ? {} : { ca })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}
