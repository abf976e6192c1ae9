import { randomBytes } from 'node:crypto'
import { connect } from 'amqplib'
import type { Channel, ConsumeMessage, Options } from 'amqplib'
import { connectRabbit } from '../../src/queue/rabbitmq/broker.js'
import type { Broker } from '../../src/queue/rabbitmq/broker.js'
import type { RabbitEvent, RabbitOptions } from '../../src/queue/rabbitmq/link-keeper.js'
import { ageQueue, failedQueue, retryQueues } from '../../src/queue/rabbitmq/topology.js'
import type { RabbitCredentials } from '../../src/queue/rabbitmq/link.js'

/** A queue name that no other test has. */
export const someQueue = (): string => `test-${randomBytes(8).toString('hex')}`

/** What an address says. */
export function credentialsOf(url: string, ca?: string): RabbitCredentials {
  const { hostname, port, username, password, protocol } = new URL(url)
  const user = decodeURIComponent(username)
  const word = decodeURIComponent(password)
  return {
    host: hostname,
    port: Number(port),
    user,
    password: word,
    vhost: '/',
    tls: protocol === 'amqps:',
    ca,
  }
}

/** A broker connection, and what it told. */
export interface Watched {
  readonly broker: Broker
  readonly events: RabbitEvent[]
}

/** Connects with short times; `options` go first. */
export async function connectTo(url: string, options: Partial<RabbitOptions> = {}): Promise<Watched> {
  const events: RabbitEvent[] = []
  const broker = await connectRabbit(
    {
      credentials: () => Promise.resolve(credentialsOf(url)),
      onEvent: (event) => events.push(event),
      startLimitMs: 20_000,
      ...options,
    },
    new AbortController().signal,
  )
  return { broker, events }
}

/** Speaks to the broker directly, as somebody else would, on a connection of its own. */
export async function withChannel<T>(url: string, run: (channel: Channel) => Promise<T>): Promise<T> {
  const model = await connect(url)
  model.on('error', () => undefined)
  try {
    const channel = await model.createChannel()
    channel.on('error', () => undefined)
    return await run(channel)
  } finally {
    await model.close()
  }
}

/** Puts raw bytes on a queue. */
export async function sendRaw(
  url: string,
  queue: string,
  content: Buffer,
  options: Options.Publish = {},
): Promise<void> {
  await withChannel(url, async (channel) => {
    channel.sendToQueue(queue, content, options)
    // An answer to this one means that the message before it has arrived.
    await channel.checkQueue(queue)
  })
}

/** Takes all messages of a queue that are ready. */
export async function takeAll(url: string, queue: string): Promise<ConsumeMessage[]> {
  return withChannel(url, async (channel) => {
    const { messageCount } = await channel.checkQueue(queue)
    const messages: ConsumeMessage[] = []
    if (messageCount === 0) return messages
    await new Promise<void>((resolve, reject) => {
      const take = (message: ConsumeMessage | null): void => {
        if (message !== null) messages.push(message)
        if (messages.length === messageCount) resolve()
      }
      channel.consume(queue, take, { noAck: true }).catch(reject)
    })
    return messages
  })
}

/** Where messages of a work queue can be. */
export function placesOf(name: string): string[] {
  return [name, failedQueue(name), ...retryQueues(name).map((queue) => queue.name)]
}

/** A work queue and all queues that may belong to it. */
export function familyOf(name: string): string[] {
  return [...placesOf(name), ageQueue(name)]
}

/** Deletes queues; those that are not there do not matter. */
export async function deleteQueues(url: string, names: readonly string[]): Promise<void> {
  await withChannel(url, async (channel) => {
    for (const name of names) await channel.deleteQueue(name)
  })
}
