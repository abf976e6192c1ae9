import type { S3Client } from '@aws-sdk/client-s3'
import { throwIfAborted } from '../../abort.js'
import type { Store } from '../port.js'
import { backup } from './backup.js'
import type { Bucket, S3Limits } from './bucket.js'
import { S3_LIMITS, address } from './bucket.js'
import { download } from './download.js'
import { readHead } from './head-bytes.js'
import { objectKey } from './key.js'
import { listFiles } from './list.js'
import { publish } from './publish.js'
import { assertUnchanged, statDatabase } from './stat.js'

export interface S3StoreOptions {
  /** From `createS3Client`; may be shared by the stores of many buckets. */
  readonly client: S3Client
  readonly bucket: string
  /** Address of an S3-compatible server, as the client has it; undefined: AWS. */
  readonly endpoint?: string | undefined
  readonly limits?: Partial<S3Limits>
}

/**
 * A store in a bucket of S3 or of a server that speaks its protocol. Needs the permissions `s3:ListBucket` and
 * `s3:GetObject`, for publishing `s3:PutObject` and `s3:AbortMultipartUpload`, for upgrades in place
 * `s3:DeleteObject`.
 */
export function createS3Store({ client, bucket: name, endpoint, limits }: S3StoreOptions): Store {
  const bucket: Bucket = { client, name, endpoint, limits: { ...S3_LIMITS, ...limits } }
  const on = async <T>(key: string, signal: AbortSignal, run: (key: string) => Promise<T>): Promise<T> => {
    const checked = objectKey(name, key)
    throwIfAborted(signal)
    return await run(checked)
  }
  return {
    atOnce: bucket.limits.atOnce,
    describe: (key) => address(bucket, key),
    stat: (key, signal) => on(key, signal, (found) => statDatabase(bucket, found, signal)),
    assertUnchanged: (key, file, signal) =>
      on(key, signal, (found) => assertUnchanged(bucket, found, file, signal)),
    readHead: (key, file, length, signal) =>
      on(key, signal, (found) => readHead(bucket, found, file, length, signal)),
    download: (key, file, toPath, options, signal) =>
      on(key, signal, (found) => download(bucket, found, file, toPath, options, signal)),
    publish: (fromPath, key, options, signal) =>
      on(key, signal, (found) => publish(bucket, found, fromPath, options, signal)),
    backup: (key, file, suffix, signal) =>
      on(key, signal, async (found) => {
        await backup(bucket, found, found + suffix, file, signal)
        return found + suffix
      }),
    list: (prefix, signal) => listFiles(bucket, prefix, signal),
  }
}
