import type { Message } from 'amqplib'
import type { FailedMessage } from '../port.js'
import { headersOf, text, wholeNumber } from './incoming.js'
import { HEADERS } from './topology.js'

/** A failed message with what the broker's queue holds besides. */
export interface FailedLetter extends FailedMessage {
  /** ISO 8601; undefined when the broker put it here by itself. */
  readonly failedAt: string | undefined
}

/** Reads a message of a queue of failed messages, whoever put it there. */
export function readFailed({ content, properties }: Message): FailedLetter {
  const headers = headersOf(properties)
  return {
    body: content.toString(),
    id: text(properties.messageId),
    attempts: wholeNumber(headers[HEADERS.attempts]) ?? 1,
    // A policy of the broker, such as a limit of length or time, can bring a message here too.
    reason: text(headers[HEADERS.reason]) ?? text(headers['x-first-death-reason']) ?? 'unknown',
    error: text(headers[HEADERS.error]) ?? 'RabbitMQ moved it here by itself',
    failedAt: text(headers[HEADERS.failedAt]),
  }
}
