import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Access } from '../../src/fleet-config.js'
import { databaseCredentials, rabbitCredentials } from '../../src/secrets/credentials.js'
import { createSecrets } from '../../src/secrets/secrets.js'
import type { Secrets, SecretsOptions } from '../../src/secrets/secrets.js'
import { startSecretsServer } from '../support/secrets-server.js'
import type { SecretsServer } from '../support/secrets-server.js'

const never = new AbortController().signal
const kept = { fresh: false }

let server: SecretsServer
let opened: Secrets[] = []
const open = (options: SecretsOptions = {}): Secrets => {
  const secrets = createSecrets({ endpoint: server.endpoint, region: 'eu-central-1', ...options })
  opened.push(secrets)
  return secrets
}
beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test')
  server = await startSecretsServer()
})
afterEach(async () => {
  for (const secrets of opened) secrets.close()
  opened = []
  await server.close()
  vi.unstubAllEnvs()
})

describe('secrets', () => {
  it('reads a secret once, and again when a fresh one is asked for', async () => {
    server.answer('s', '{"password":"old"}', '{"password":"new"}')
    const secrets = open()
    expect(await secrets.read('s', kept, never)).toEqual({ password: 'old' })
    expect(await secrets.read('s', kept, never)).toEqual({ password: 'old' })
    expect(await secrets.read('s', { fresh: true }, never)).toEqual({ password: 'new' })
    expect(await secrets.read('s', kept, never)).toEqual({ password: 'new' })
    expect(server.asked).toHaveLength(2)
  })

  it('tries again while AWS throttles or fails', async () => {
    server.answer(
      's',
      { status: 400, error: 'ThrottlingException' },
      { status: 500, error: 'InternalServiceError' },
      '{"a":1}',
    )
    expect(await open().read('s', kept, never)).toEqual({ a: 1 })
    expect(server.asked).toHaveLength(3)
  })

  it.each([
    ['AccessDeniedException', { status: 400, error: 'AccessDeniedException' }],
    ['ResourceNotFoundException', { status: 400, error: 'ResourceNotFoundException' }],
    ['no JSON object', 'hunter2'],
    ['no JSON object', '["hunter2"]'],
  ])(
    'calls it wrong usage when the answer is %s, with the name of the secret and nothing of it',
    async (why, answer) => {
      server.answer('my_secret', answer)
      const error: unknown = await open()
        .read('my_secret', kept, never)
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'usage' })
      expect(String(error)).toContain(why)
      expect(String(error)).toContain('my_secret')
      expect(JSON.stringify([String(error), error])).not.toContain('hunter2')
    },
  )

  it('keeps nothing of a failure', async () => {
    server.answer('s', 'no JSON', '{"a":1}')
    const secrets = open()
    await expect(secrets.read('s', kept, never)).rejects.toMatchObject({ code: 'usage' })
    expect(await secrets.read('s', kept, never)).toEqual({ a: 1 })
  })

  it('gives up a server that does not answer within the limit', async () => {
    server.answer('s', null)
    const read = open({ limitMs: 300 }).read('s', kept, never)
    await expect(read).rejects.toMatchObject({
      code: 'transient',
      message: expect.stringMatching(/secret s: .*within 0.3 s/) as string,
    })
  })

  it('stops when the signal fires', async () => {
    server.answer('s', null)
    const stop = new AbortController()
    const read = open().read('s', kept, stop.signal)
    await vi.waitUntil(() => server.asked.length === 1)
    stop.abort()
    await expect(read).rejects.toMatchObject({ code: 'aborted' })
  })

  it('calls a server that is not there transient', async () => {
    const secrets = open({ endpoint: 'http://127.0.0.1:1' })
    await expect(secrets.read('s', kept, never)).rejects.toMatchObject({
      code: 'transient',
      message: expect.stringMatching(/secret s/) as string,
    })
  })
})

const fromUrl = (url: string): Access => ({ kind: 'url', url })
const fromSecret: Access = { kind: 'secret', name: 's' }
const rabbit = (access: Access, ca?: string): Promise<unknown> =>
  rabbitCredentials(access, { secrets: open(), ca })(kept, never)
const database = (access: Access): Promise<unknown> =>
  databaseCredentials(access, { secrets: open(), ca: 'PEM' })(kept, never)

describe('credentials of RabbitMQ', () => {
  it.each([
    ['amqp://u:p@h', { host: 'h', port: 5672, user: 'u', password: 'p', vhost: '/', tls: false }],
    ['amqps://u:p@h/', { host: 'h', port: 5671, vhost: '/', tls: true }],
    ['amqps://u%40x:p%2F%25@h:99/%2f', { port: 99, user: 'u@x', password: 'p/%', vhost: '/' }],
    ['amqp://h/my%2Fhost', { user: 'guest', password: 'guest', vhost: 'my/host' }],
    ['amqp://u:p@[::1]:5000/v', { host: '::1', port: 5000, vhost: 'v' }],
  ])('come from an address: %s', async (url, expected) => {
    expect(await rabbit(fromUrl(url), 'PEM')).toMatchObject({ ...expected, ca: 'PEM' })
  })

  it.each([
    [
      { host: 'h', port: '5671', username: 'u', password: 'p', virtualhost: 'v', engine: 'extra' },
      { host: 'h', port: 5671, user: 'u', password: 'p', vhost: 'v', tls: true },
    ],
    [
      { host: 'h', username: 'u', password: 'p', ssl: 'true' },
      { port: 5671, vhost: '/', tls: true },
    ],
    [
      { host: 'h', port: 5672, username: 'u', password: 'p', vhost: 'w', tls: false },
      { vhost: 'w', tls: false },
    ],
    [
      { host: 'b-1.mq.eu-west-1.amazonaws.com', username: 'u', password: 'p' },
      { port: 5671, tls: true },
    ],
  ])('come from a secret: %j', async (secret, expected) => {
    server.answer('s', JSON.stringify(secret))
    expect(await rabbit(fromSecret)).toMatchObject(expected)
  })

  it('name every field of a secret that is wrong, and no value', async () => {
    server.answer('s', JSON.stringify({ host: 7, port: 'hunter2', password: 'hunter2', tls: 'hunter2' }))
    const error: unknown = await rabbit(fromSecret).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'usage' })
    expect(String(error)).toContain(
      'secret s: host is no text, username is missing, tls (or ssl) is neither true nor false, port is no port number',
    )
    expect(JSON.stringify([String(error), error])).not.toContain('hunter2')
  })

  it.each(['hunter2', 'amqp://u:%zz-hunter2@h', 'amqp://u:hunter2@h:99999'])(
    'do not repeat an address that is wrong: %s',
    async (url) => {
      const error: unknown = await rabbit(fromUrl(url)).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'usage', message: expect.stringMatching(/^RABBIT_URL/) as string })
      expect(JSON.stringify([String(error), error])).not.toContain('hunter2')
    },
  )

  it('are asked for again when they are refused', async () => {
    const rest = { host: 'h', username: 'u' }
    server.answer(
      's',
      JSON.stringify({ ...rest, password: 'old' }),
      JSON.stringify({ ...rest, password: 'new' }),
    )
    const credentials = rabbitCredentials(fromSecret, { secrets: open(), ca: undefined })
    expect(await credentials({ fresh: false }, never)).toMatchObject({ password: 'old' })
    expect(await credentials({ fresh: true }, never)).toMatchObject({ password: 'new' })
  })
})

describe('credentials of Postgres', () => {
  it.each([
    ['postgres://u:p@h/d', { host: 'h', port: 5432, user: 'u', password: 'p', database: 'd', tls: false }],
    ['postgresql://u:p@h:99', { port: 99, database: 'u' }],
    ['postgresql://u:p@h/d?sslmode=verify-full', { tls: true }],
    ['postgresql://u:p@h/d?sslmode=require', { tls: true }],
    ['postgresql://u:p@h/d?sslmode=disable', { tls: false }],
  ])('come from an address: %s', async (url, expected) => {
    expect(await database(fromUrl(url))).toMatchObject({ ...expected, ca: 'PEM' })
  })

  it('come from a secret', async () => {
    server.answer(
      's',
      JSON.stringify({ host: 'h', port: 5433, username: 'u', password: 'p', dbname: 'd', ssl: true }),
    )
    expect(await database(fromSecret)).toEqual({
      host: 'h',
      port: 5433,
      user: 'u',
      password: 'p',
      database: 'd',
      tls: true,
      ca: 'PEM',
    })
  })

  it('need a database', async () => {
    server.answer('s', JSON.stringify({ host: 'h', username: 'u', password: 'p' }))
    await expect(database(fromSecret)).rejects.toMatchObject({
      code: 'usage',
      message: 'secret s: dbname is missing',
    })
  })
})
