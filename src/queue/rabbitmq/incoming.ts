import type { Message } from 'amqplib'
import { HEADERS, POISON } from './topology.js'

/** Bytes: no message of ours comes near, and a bigger one is a mistake that should not fill a worker's memory. */
export const MAX_BODY = 1024 * 1024

/** A message that came back this often had its chances. */
export const MAX_REDELIVERIES = 20

/** Returns that a broker may count: no sensible limit is lower. */
const WARY_FROM = 3

/** What a message that arrived is. */
export type Incoming =
  | {
      readonly kind: 'work'
      readonly body: string
      readonly id: string | undefined
      readonly attempts: number
    }
  /** Not to be worked on: to the failed messages. */
  | { readonly kind: 'refused'; readonly attempts: number; readonly reason: string; readonly error: string }
  /** It came back, and the broker keeps no count, or one that it may act on: to be sent again with this one. */
  | { readonly kind: 'uncounted'; readonly attempts: number; readonly redeliveries: number }

/** Reads a message of this project, of the earlier system (no headers, maybe no id), or of anybody. */
export function readIncoming({ content, fields, properties }: Message): Incoming {
  const headers = headersOf(properties)
  const attempts = Math.max(1, wholeNumber(headers[HEADERS.attempts]) ?? 1)
  const refuse = (reason: string, error: string): Incoming => ({ kind: 'refused', attempts, reason, error })
  if (content.length > MAX_BODY) {
    return refuse('usage', `the message has ${content.length} bytes; at most ${MAX_BODY} are read`)
  }
  const body = decode(content)
  if (body === undefined) return refuse('usage', 'the message is not UTF-8 text')

  // Quorum queues count, once it is more than none; classic ones say only that it was delivered before.
  const counted = wholeNumber(headers['x-delivery-count'])
  const before = wholeNumber(headers[HEADERS.redeliveries]) ?? 0
  const redeliveries = before + (counted ?? (fields.redelivered ? 1 : 0))
  if (redeliveries > MAX_REDELIVERIES) {
    const told = `it came back ${redeliveries} times without an outcome`
    return refuse(
      POISON,
      `${told}: its workers died or were stopped, lost the broker, or took longer than its delivery timeout`,
    )
  }
  // A queue of somebody else's may drop what its broker has counted too often: sent again, the count begins anew.
  const uncounted = fields.redelivered && counted === undefined
  if (uncounted || (counted ?? 0) >= WARY_FROM) return { kind: 'uncounted', attempts, redeliveries }
  return { kind: 'work', body, id: text(properties.messageId), attempts }
}

/** The body of a message; undefined when it is not UTF-8. A byte order mark stays. */
function decode(content: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch {
    return undefined
  }
}

/** Headers of a message, whatever they hold. */
export function headersOf({ headers }: Message['properties']): Readonly<Record<string, unknown>> {
  return headers ?? {}
}

/** When its publisher sent it, in seconds since 1970; undefined when it did not say. */
export function publishedAt({ properties }: Message): number | undefined {
  return wholeNumber(properties.timestamp)
}

/** A number in whatever type another client wrote it. */
export function wholeNumber(value: unknown): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined
  const number = value === '' ? NaN : Number(value)
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
