import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { throwIfAborted } from '../../abort.js'
import { DuckfleetError } from '../../errors.js'
import type { OnBytes } from '../port.js'
import type { Bucket } from './bucket.js'
import { address, quoted, versionOf } from './bucket.js'
import { statusOf } from './errors.js'
import { pour } from './pour.js'
import type { Range, Sink } from './pour.js'
import { DistantBody } from './receiver.js'
import type { Receiver } from './receiver.js'
import { changed, request } from './request.js'
import type { SentBy } from './transport.js'

/** What is read: this version of the object, or an error. */
export interface ObjectVersion {
  readonly key: string
  readonly size: number
  readonly version: string
}

/** Where the bytes go: to a function, or to a place in a file that is there, by way of a thread. */
export type Destination = { readonly onBytes?: OnBytes } & (
  Pick<Sink, 'write'> | { readonly receiver: Receiver; readonly path: string }
)

/** Tries of a body: the client repeats requests that get no answer, but not answers that break off. */
const TRIES = 4
const PAUSE_MS = 200

/**
 * Reads a range that is not empty, or rejects; a body that breaks off is asked for again some times. Bytes that are
 * written are those of this version, but after an error they may be some of the range only.
 */
export async function getRange(
  bucket: Bucket,
  object: ObjectVersion,
  range: Range,
  to: Destination,
  signal: AbortSignal,
): Promise<void> {
  let furthest = range.from
  const onReached = (position: number): void => {
    if (position > furthest) to.onBytes?.(position - furthest)
    furthest = Math.max(furthest, position)
  }
  for (let attempt = 1; ; attempt++) {
    const broken = await tryRange(bucket, object, range, to, onReached, signal)
    if (broken === undefined) return
    if (attempt === TRIES) throw cutShort(bucket, object, attempt, broken)
    await delay(PAUSE_MS * attempt, undefined, { signal }).catch(() => undefined)
    throwIfAborted(signal)
  }
}

/** Gives what was wrong with the answer's body, if something was. */
async function tryRange(
  bucket: Bucket,
  object: ObjectVersion,
  range: Range,
  to: Destination,
  onReached: Sink['onReached'],
  signal: AbortSignal,
): Promise<unknown> {
  const answer = await ask(bucket, object, range, 'receiver' in to ? to.receiver : undefined, signal)
  const body = answer.Body
  if (!(body instanceof Readable)) return new Error('an answer without a body')
  try {
    if (versionOf(answer.ETag) !== object.version) throw changed(bucket, object.key)
    if (answer.ContentRange !== `bytes ${range.from}-${range.to - 1}/${object.size}`)
      return new Error(
        `asked for bytes ${range.from}-${range.to - 1}, got ${answer.ContentRange ?? 'others'}`,
      )
    await take(body, range, to, onReached)
    return undefined
  } catch (error) {
    throwIfAborted(signal)
    if (error instanceof DuckfleetError) throw error
    return error
  } finally {
    body.destroy()
  }
}

async function ask(
  bucket: Bucket,
  { key, version }: ObjectVersion,
  range: Range,
  sender: Receiver | undefined,
  signal: AbortSignal,
): Promise<GetObjectCommandOutput> {
  try {
    const command = new GetObjectCommand({
      Bucket: bucket.name,
      Key: key,
      Range: `bytes=${range.from}-${range.to - 1}`,
      IfMatch: quoted(version),
    })
    return await request(bucket, key, 's3:GetObject', signal, (client, options) => {
      const sent: SentBy = { ...options, sender }
      return client.send(command, sent)
    })
  } catch (error) {
    // 404: removed; 416: shorter than it was.
    const status = statusOf(error)
    const gone = error instanceof DuckfleetError && error.code === 'transient' && status === 404
    throw status === 412 || status === 416 || gone ? changed(bucket, key, error) : error
  }
}

async function take(
  body: Readable,
  range: Range,
  to: Destination,
  onReached: Sink['onReached'],
): Promise<void> {
  if ('write' in to) await pour(body, range, { write: to.write, onReached })
  else if (body instanceof DistantBody) await body.writeTo(to.path, range, onReached)
  else throw new Error('the answer did not come by way of the thread')
}

function cutShort(bucket: Bucket, object: ObjectVersion, tries: number, cause: unknown): DuckfleetError {
  return new DuckfleetError(
    'transient',
    `cannot read ${address(bucket, object.key)}: the answer was cut short ${tries} times; check the network and the ` +
      'server, and try again',
    { cause },
  )
}
