import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { WAL_SUFFIXES } from '../../migration/file/wal.js'
import { sameVersion } from '../port.js'
import type { Found, StoredFile, StoredWal } from '../port.js'
import type { Bucket } from './bucket.js'
import { versionOf } from './bucket.js'
import { statusOf } from './errors.js'
import { listObjects } from './list.js'
import type { ListedObject } from './list.js'
import { changed, incomplete, request } from './request.js'

/** What HEAD tells of an object. */
export interface ObjectHead {
  readonly size: number
  readonly version: string
  /** Milliseconds since 1970, in whole seconds; 0 where the server does not tell. */
  readonly writtenAt: number
  /** The bucket keeps it as a version when another object takes its name. */
  readonly versioned: boolean
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
      // `null`: from before the bucket kept versions, or from a time in which it did not.
      versioned: found.VersionId !== undefined && found.VersionId !== 'null',
      metadata: found.Metadata ?? {},
      contentType: found.ContentType,
    }
  } catch (error) {
    if (statusOf(error) === 404) return undefined
    throw error
  }
}

/**
 * A database with its WALs, as it is now. One request answers for all of them where the object exists; one that is not
 * listed is asked for itself, because some servers' lists lag behind. Versions are those that {@link headObject} tells.
 */
export async function statDatabase(bucket: Bucket, key: string, signal: AbortSignal): Promise<Found> {
  const { found, complete } = await listNamed(bucket, key, ['', ...WAL_SUFFIXES], signal, MOST_OTHERS)
  const wals = complete ? walsIn(found) : await statWals(bucket, key, signal)
  const file = found.get('') ?? (await headObject(bucket, key, signal))
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
  const { found } = await listNamed(bucket, key, WAL_SUFFIXES, signal)
  return walsIn(found)
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

/** After so many objects such as `key-1`, which lists put before its WALs, those are asked for alone. Less than a page. */
const MOST_OTHERS = 900

/** The objects that are named `key` and one of the suffixes, by suffix; not all of them after `most` other objects. */
async function listNamed(
  bucket: Bucket,
  key: string,
  suffixes: readonly string[],
  signal: AbortSignal,
  most = Infinity,
): Promise<{ readonly found: ReadonlyMap<string, ListedObject>; readonly complete: boolean }> {
  const [first = '', ...rest] = [...suffixes].sort()
  const last = key + (rest.at(-1) ?? first)
  const found = new Map<string, ListedObject>()
  let others = 0
  for await (const object of listObjects(bucket, key + first, signal)) {
    if (object.key > last) break
    const suffix = object.key.slice(key.length)
    if (!suffixes.includes(suffix)) {
      if (++others >= most) return { found, complete: false }
      continue
    }
    if (object.version === '') throw incomplete(bucket, object.key)
    found.set(suffix, object)
  }
  return { found, complete: true }
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
