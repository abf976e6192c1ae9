import type { Message, Options } from 'amqplib'
import { DuckfleetError } from '../../errors.js'
import type { OutgoingMessage } from '../port.js'
import { MAX_BODY, headersOf } from './incoming.js'
import { HEADERS } from './topology.js'

/** A message as it goes to a queue. */
export interface Letter {
  readonly content: Buffer
  readonly properties: Options.Publish
}

/** Headers and an error have to fit into one frame. */
const MAX_ERROR = 4096
const MAX_KEPT_HEADERS = 16_384
const MAX_ID = 255

/** Fields that the broker or we write; `CC` and `BCC` would send copies to other queues. */
const NOT_KEPT =
  /^(x-death|x-first-death-.*|x-last-death-.*|x-delivery-count|x-acquired-count|x-duckfleet-.*|B?CC)$/

/** A new message. Throws a DuckfleetError `usage` for one that no consumer would take. */
export function newLetter({ body, id, publishedAt }: OutgoingMessage): Letter {
  const content = Buffer.from(body)
  if (content.length > MAX_BODY) {
    throw new DuckfleetError('usage', `a message has ${content.length} bytes; at most ${MAX_BODY} are read`)
  }
  if (content.toString() !== body) throw new DuckfleetError('usage', 'a message is no well-formed text')
  if (id !== undefined && Buffer.byteLength(id) > MAX_ID) {
    throw new DuckfleetError(
      'usage',
      `the id of a message is longer than ${MAX_ID} bytes: ${id.slice(0, 60)}…`,
    )
  }
  const properties: Options.Publish = {
    contentType: 'application/json',
    timestamp: publishedAt === undefined ? nowSeconds() : Math.floor(publishedAt / 1000),
    headers: { [HEADERS.attempts]: 1 },
    ...(id === undefined ? {} : { messageId: id }),
  }
  return { content, properties }
}

/**
 * The same message again, its bytes and what its publisher said of it kept, with other headers of ours. Left out are
 * an expiration, which would drop it, and a user id, which the broker accepts from that user alone.
 */
export function sameLetter(
  { content, properties }: Message,
  headers: Readonly<Record<string, string | number>>,
): Letter {
  const kept = Object.entries(headersOf(properties)).filter(([name]) => !NOT_KEPT.test(name))
  const bytes = Buffer.byteLength(JSON.stringify(kept))
  const given: [string, unknown][] = KEPT.map((name) => [name, properties[name]])
  const sent = given.filter(([, value]) => value !== undefined && value !== null)
  return {
    content,
    properties: {
      ...Object.fromEntries(sent),
      headers: { ...(bytes > MAX_KEPT_HEADERS ? {} : Object.fromEntries(kept)), ...headers },
    },
  }
}

/** The same message again, as if it were new: all tries before it, and it waits from now on. */
export function againLetter(message: Message): Letter {
  const { content, properties } = sameLetter(message, { [HEADERS.attempts]: 1 })
  return { content, properties: { ...properties, timestamp: nowSeconds() } }
}

/** The unit in which AMQP tells when a message was published. */
export const nowSeconds = (): number => Math.floor(Date.now() / 1000)

const KEPT = [
  'contentType',
  'contentEncoding',
  'priority',
  'correlationId',
  'replyTo',
  'messageId',
  'timestamp',
  'type',
  'appId',
] as const

/** Headers of a message that failed. */
export function failedHeaders(
  attempts: number,
  reason: string,
  error: string,
): Readonly<Record<string, string | number>> {
  return {
    [HEADERS.attempts]: attempts,
    [HEADERS.reason]: cut(reason, MAX_ID),
    [HEADERS.error]: cut(error, MAX_ERROR),
    [HEADERS.failedAt]: new Date().toISOString(),
  }
}

/** At most so many bytes, and no half character. */
function cut(text: string, bytes: number): string {
  const buffer = Buffer.from(text)
  if (buffer.length <= bytes) return buffer.toString()
  return `${buffer
    .subarray(0, bytes - 3)
    .toString()
    .replace(/\uFFFD+$/, '')}…`
}
