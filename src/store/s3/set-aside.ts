import path from 'node:path'
import { DeleteObjectCommand } from '@aws-sdk/client-s3'
import type { StoredWal } from '../port.js'
import { tempName } from '../temp-file.js'
import type { Bucket } from './bucket.js'
import { afterwards } from './after-stop.js'
import { copyObject } from './copy.js'
import { request } from './request.js'

/** WALs that were taken away, and can be put back. */
interface Aside {
  restore(): Promise<void>
  drop(): Promise<void>
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
  const moved: { readonly wal: string; readonly kept: string; readonly size: number }[] = []
  const restore = async (): Promise<void> => {
    for (const { wal, kept, size } of moved) {
      await afterwards((late) => copyObject(bucket, { key: kept, size }, wal, late))
      await remove(bucket, kept)
    }
  }
  try {
    for (const { suffix, size, version } of wals) {
      const wal = key + suffix
      const kept = key.slice(0, key.lastIndexOf('/') + 1) + path.basename(tempName('.'))
      await copyObject(bucket, { key: wal, size, version }, kept, signal)
      moved.push({ wal, kept, size })
      await remove(bucket, wal)
    }
  } catch (error) {
    await restore()
    throw error
  }
  return {
    restore,
    drop: async () => {
      for (const { kept } of moved) await remove(bucket, kept)
    },
  }
}

/** Not by the operation's own signal: half of a move is worse than a late stop. */
async function remove(bucket: Bucket, key: string): Promise<void> {
  await afterwards((late) =>
    request(bucket, key, 's3:DeleteObject', late, (client, options) =>
      client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: key }), options),
    ),
  )
}
