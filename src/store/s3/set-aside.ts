import { DeleteObjectCommand } from '@aws-sdk/client-s3'
import { asDuckfleetError, DuckfleetError } from '../../errors.js'
import type { StoredWal } from '../port.js'
import { isTempName, tempBaseFor, tempPrefixFor } from '../temp-file.js'
import type { Bucket } from './bucket.js'
import { address } from './bucket.js'
import { afterwards } from './after-stop.js'
import { copyObject } from './copy.js'
import { listObjects } from './list.js'
import { request } from './request.js'

/** WALs that were taken away. What has to be thrown when the replacement failed says where those are that stay away. */
interface Aside {
  /** Puts every WAL back that can be, whatever becomes of the others; gives `cause`, or an error that names the rest. */
  restore(cause: unknown): Promise<unknown>
  /** Puts none back; gives an error like `cause` that names them. */
  leave(cause: unknown): unknown
  /** Removes them, and those that killed workers left of this key. */
  drop(): Promise<void>
}

interface MovedWal {
  readonly wal: string
  readonly kept: string
  readonly size: number
}

/**
 * Takes the WALs of `key` away, under names that listings hide. They go before the file is replaced: an old file
 * without its WAL can be told (the backup has one), a new file with the old WAL would get its rows twice.
 */
export async function setAside(
  bucket: Bucket,
  key: string,
  wals: readonly StoredWal[],
  signal: AbortSignal,
): Promise<Aside> {
  const moved: MovedWal[] = []
  const aside: Aside = {
    restore: (cause) => restore(bucket, key, moved, cause),
    leave: (cause) => {
      if (moved.length === 0) return cause
      const { code, message } = asDuckfleetError(cause, 'transient')
      const text =
        `${message}; the old file may be another one by now or soon, so its WAL stays away: if it is still there after ` +
        `the last try, ${copies(bucket, moved)}; else delete that copy`
      return new DuckfleetError(code, text, { cause: causeOf(cause) })
    },
    drop: () => removeAll(bucket, key),
  }
  try {
    for (const { suffix, size, version } of wals) {
      const wal = key + suffix
      const kept = folderOf(key) + tempBaseFor(key)
      await copyObject(bucket, { key: wal, size, version }, kept, signal)
      moved.push({ wal, kept, size })
      await remove(bucket, wal)
    }
  } catch (error) {
    throw await aside.restore(error)
  }
  return aside
}

async function restore(
  bucket: Bucket,
  key: string,
  moved: readonly MovedWal[],
  cause: unknown,
): Promise<unknown> {
  const left: MovedWal[] = []
  let refused: unknown
  for (const one of moved) {
    const { wal, kept, size } = one
    try {
      await afterwards((late) => copyObject(bucket, { key: kept, size }, wal, late))
    } catch (error) {
      left.push(one)
      refused = error
      continue
    }
    // Its rows are back, and what failed first matters more than a copy that nobody sees.
    await remove(bucket, kept).catch(() => undefined)
  }
  if (left.length === 0) return cause
  const [why, whyNot] = [cause, refused].map((error) => asDuckfleetError(error, 'transient').message)
  return new DuckfleetError(
    'usage',
    `${why}; its WAL could not be put back either (${whyNot}), and without it ${address(bucket, key)} lacks rows: ` +
      copies(bucket, left),
    { cause: causeOf(cause) },
  )
}

function copies(bucket: Bucket, moved: readonly MovedWal[]): string {
  return moved
    .map(({ wal, kept }) => `copy ${address(bucket, kept)} to ${address(bucket, wal)}`)
    .join(', and ')
}

/** What the server answered stays known; see `statusOf`. */
function causeOf(error: unknown): unknown {
  return error instanceof DuckfleetError ? error.cause : error
}

async function removeAll(bucket: Bucket, key: string): Promise<void> {
  const folder = folderOf(key)
  await afterwards(async (late) => {
    for await (const found of listObjects(bucket, folder + tempPrefixFor(key), late))
      if (isTempName(found.key.slice(folder.length))) await remove(bucket, found.key)
  })
}

function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1)
}

/** Not by the operation's own signal: half of a move is worse than a late stop. */
async function remove(bucket: Bucket, key: string): Promise<void> {
  await afterwards((late) =>
    request(bucket, key, 's3:DeleteObject', late, (client, options) =>
      client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: key }), options),
    ),
  )
}
