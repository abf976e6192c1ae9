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
import { changed, request } from './request.js'

/** What is read: this version of the object, or an error. */
export interface ObjectVersion {
  readonly key: string
  readonly size: number
  readonly version: string
}

/** Bytes of an object: `from` inclusive, `to` exclusive. */
interface Range {
  readonly from: number
  readonly to: number
}

/** Where the bytes go. */
export interface Sink {
  /** Takes chunks that belong at `position` of the object, one after another. */
  readonly write: (chunks: readonly Uint8Array[], position: number) => Promise<void>
  readonly onBytes?: OnBytes
}

/** Tries of a body: the client repeats requests that get no answer, but not answers that break off. */
const TRIES = 4
const PAUSE_MS = 200
/** Bytes that are gathered for one write: sockets give 64 KiB at a time, and each write costs a thread's turn. */
const GATHER = 1024 * 1024

/**
 * Reads a range that is not empty, or rejects; a body that breaks off is asked for again some times. Bytes that are
 * written are those of this version, but after an error they may be some of the range only.
 */
export async function getRange(
  bucket: Bucket,
  object: ObjectVersion,
  range: Range,
  sink: Sink,
  signal: AbortSignal,
): Promise<void> {
  let furthest = range.from
  const onReached = (position: number): void => {
    if (position > furthest) sink.onBytes?.(position - furthest)
    furthest = Math.max(furthest, position)
  }
  for (let attempt = 1; ; attempt++) {
    const broken = await tryRange(bucket, object, range, { ...sink, onReached }, signal)
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
  sink: Sink & { readonly onReached: (position: number) => void },
  signal: AbortSignal,
): Promise<unknown> {
  const answer = await ask(bucket, object, range, signal)
  const body = answer.Body
  if (!(body instanceof Readable)) return new Error('an answer without a body')
  try {
    if (versionOf(answer.ETag) !== object.version) throw changed(bucket, object.key)
    if (answer.ContentRange !== `bytes ${range.from}-${range.to - 1}/${object.size}`)
      return new Error(
        `asked for bytes ${range.from}-${range.to - 1}, got ${answer.ContentRange ?? 'others'}`,
      )
    await pour(body, range, sink)
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
  signal: AbortSignal,
): Promise<GetObjectCommandOutput> {
  try {
    return await request(bucket, key, 's3:GetObject', signal, (client, options) =>
      client.send(
        new GetObjectCommand({
          Bucket: bucket.name,
          Key: key,
          Range: `bytes=${range.from}-${range.to - 1}`,
          IfMatch: quoted(version),
        }),
        options,
      ),
    )
  } catch (error) {
    // 404: removed; 416: shorter than it was.
    const status = statusOf(error)
    const gone = error instanceof DuckfleetError && error.code === 'transient' && status === 404
    throw status === 412 || status === 416 || gone ? changed(bucket, key, error) : error
  }
}

/** Rejects when the body has not exactly the bytes of the range. */
async function pour(
  body: Readable,
  range: Range,
  { write, onReached }: Sink & { readonly onReached: (position: number) => void },
): Promise<void> {
  let position = range.from
  let gathered: Uint8Array[] = []
  let bytes = 0
  const flush = async (): Promise<void> => {
    if (position + bytes > range.to) throw new Error('more bytes than the range has')
    await write(gathered, position)
    position += bytes
    onReached(position)
    gathered = []
    bytes = 0
  }
  let flushing = Promise.resolve()
  // Events, for there are many chunks, and a loop that waits for each takes as long as all the rest.
  await new Promise<void>((resolve, reject) => {
    body.on('data', (chunk: Uint8Array) => {
      gathered.push(chunk)
      bytes += chunk.length
      if (bytes < GATHER) return
      body.pause()
      flushing = flush()
      flushing.then(() => body.resume(), reject)
    })
    body.once('end', resolve)
    body.once('error', reject)
    body.once('close', () => {
      reject(new Error('the answer broke off'))
    })
  })
  // A body may end while it is paused.
  await flushing
  if (bytes > 0) await flush()
  if (position !== range.to) throw new Error(`${range.to - position} bytes are missing`)
}

function cutShort(bucket: Bucket, object: ObjectVersion, tries: number, cause: unknown): DuckfleetError {
  return new DuckfleetError(
    'transient',
    `cannot read ${address(bucket, object.key)}: the answer was cut short ${tries} times; check the network and the ` +
      'server, and try again',
    { cause },
  )
}
