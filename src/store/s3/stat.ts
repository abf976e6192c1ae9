import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { DuckfleetError } from '../../errors.js'
import { WAL_SUFFIXES } from '../../migration/wal.js'
import { sameVersion } from '../port.js'
import type { Found, StoredFile, StoredWal } from '../port.js'
import type { Bucket } from './bucket.js'
import { address, versionOf } from './bucket.js'
import { statusOf } from './errors.js'
import { listObjects } from './list.js'
import type { ListedObject } from './list.js'
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

/**
 * A database with its WALs, as it is now: one request, which answers for all of them. Its versions are those that
 * {@link headObject} tells.
 */
export async function statDatabase(bucket: Bucket, key: string, signal: AbortSignal): Promise<Found> {
  const found = await listNamed(bucket, key, ['', ...WAL_SUFFIXES], signal)
  const wals = walsIn(found)
  const file = found.get('')
  if (file === undefined) return { file: undefined, wals }
  const { size, version, writtenAt } = file
  return { file: { size, version, identity: identityOf(bucket, key), writtenAt, wals }, wals }
}

/** The WALs with content beside `key`, in the order of {@link WAL_SUFFIXES}. */
export async function statWals(
  bucket: Bucket,
  key: string,
  signal: AbortSignal,
): Promise<readonly StoredWal[]> {
  return walsIn(await listNamed(bucket, key, WAL_SUFFIXES, signal))
}

/**
 * Rejects with `transient` when the object or one of its WALs is not the version that was looked at before. The object
 * itself is asked, not only the list: some servers' lists lag behind.
 */
export async function assertUnchanged(
  bucket: Bucket,
  key: string,
  before: StoredFile,
  signal: AbortSignal,
): Promise<void> {
  const [head, wals] = await Promise.all([headObject(bucket, key, signal), statWals(bucket, key, signal)])
  if (head === undefined || !sameVersion({ ...before, version: head.version, wals }, before))
    throw changed(bucket, key)
}

/** The objects that are named `key` and one of the suffixes, by suffix. */
async function listNamed(
  bucket: Bucket,
  key: string,
  suffixes: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ListedObject>> {
  const [first = '', ...rest] = [...suffixes].sort()
  const last = key + (rest.at(-1) ?? first)
  const found = new Map<string, ListedObject>()
  for await (const object of listObjects(bucket, key + first, signal)) {
    if (object.key > last) break
    const suffix = object.key.slice(key.length)
    if (!suffixes.includes(suffix)) continue
    if (object.version === '') throw incomplete(bucket, object.key)
    found.set(suffix, object)
  }
  return found
}

function walsIn(found: ReadonlyMap<string, ListedObject>): readonly StoredWal[] {
  return WAL_SUFFIXES.flatMap((suffix) => {
    const wal = found.get(suffix)
    return wal === undefined || wal.size === 0 ? [] : [{ suffix, size: wal.size, version: wal.version }]
  })
}

function identityOf(bucket: Bucket, key: string): string {
  return JSON.stringify(['s3', bucket.endpoint ?? 'aws', bucket.name, key])
}

function incomplete(bucket: Bucket, key: string): DuckfleetError {
  return new DuckfleetError(
    'usage',
    `cannot read ${address(bucket, key)}: the server tells no ETag or no size, without which a change of the file ` +
      'cannot be noticed; use a server that does',
  )
}
