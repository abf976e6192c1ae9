import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { DuckfleetError } from '../../errors.js'
import { WAL_SUFFIXES } from '../../migration/wal.js'
import { sameVersion } from '../port.js'
import type { StoredFile, StoredWal } from '../port.js'
import type { Bucket } from './bucket.js'
import { address, versionOf } from './bucket.js'
import { statusOf } from './errors.js'
import { listObjects } from './list.js'
import { changed, request } from './request.js'

/** What HEAD tells of an object. */
export interface ObjectHead {
  readonly size: number
  readonly version: string
  /** Milliseconds since 1970, in whole seconds; 0 where the server does not tell. */
  readonly writtenAt: number
  readonly metadata: Readonly<Record<string, string>>
  readonly contentType: string | undefined
}

/** Undefined when there is none, or no such bucket: this answer has no body to tell them apart. */
export async function headObject(
  bucket: Bucket,
  key: string,
  signal: AbortSignal,
): Promise<ObjectHead | undefined> {
  try {
    const found = await request(bucket, key, 's3:GetObject', signal, (client, options) =>
      client.send(new HeadObjectCommand({ Bucket: bucket.name, Key: key }), options),
    )
    const version = versionOf(found.ETag)
    if (version === '' || found.ContentLength === undefined) throw incomplete(bucket, key)
    return {
      size: found.ContentLength,
      version,
      writtenAt: found.LastModified?.getTime() ?? 0,
      metadata: found.Metadata ?? {},
      contentType: found.ContentType,
    }
  } catch (error) {
    if (statusOf(error) === 404) return undefined
    throw error
  }
}

/** A database with its WALs, as it is now; undefined when there is none. Two requests, side by side. */
export async function statDatabase(
  bucket: Bucket,
  key: string,
  signal: AbortSignal,
): Promise<StoredFile | undefined> {
  const [head, wals] = await Promise.all([headObject(bucket, key, signal), statWals(bucket, key, signal)])
  if (head === undefined) return undefined
  const identity = JSON.stringify(['s3', bucket.endpoint ?? 'aws', bucket.name, key])
  const { size, version, writtenAt } = head
  return { size, version, identity, writtenAt, wals }
}

/** The WALs with content beside `key`, in the order of {@link WAL_SUFFIXES}. */
export async function statWals(
  bucket: Bucket,
  key: string,
  signal: AbortSignal,
): Promise<readonly StoredWal[]> {
  const [first] = WAL_SUFFIXES
  const last = key + [...WAL_SUFFIXES].sort().slice(-1).join('')
  const found = new Map<string, Omit<StoredWal, 'suffix'>>()
  for await (const file of listObjects(bucket, key + first, signal)) {
    if (file.key > last) break
    if (file.size > 0) found.set(file.key, { size: file.size, version: file.version })
  }
  return WAL_SUFFIXES.flatMap((suffix) => {
    const wal = found.get(key + suffix)
    return wal === undefined ? [] : [{ suffix, ...wal }]
  })
}

/** Rejects with `transient` when the object or one of its WALs is not the version that was looked at before. */
export async function assertUnchanged(
  bucket: Bucket,
  key: string,
  before: StoredFile,
  signal: AbortSignal,
): Promise<void> {
  const now = await statDatabase(bucket, key, signal)
  if (now === undefined || !sameVersion(now, before)) throw changed(bucket, key)
}

function incomplete(bucket: Bucket, key: string): DuckfleetError {
  return new DuckfleetError(
    'usage',
    `cannot read ${address(bucket, key)}: the server tells no ETag or no size, without which a change of the file ` +
      'cannot be noticed; use a server that does',
  )
}
