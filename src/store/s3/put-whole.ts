import { setTimeout as delay } from 'node:timers/promises'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { throwIfAborted } from '../../abort.js'
import type { Condition } from './bucket.js'
import { commit } from './commit.js'
import { statusOf } from './errors.js'
import { request } from './request.js'
import { sha256 } from './source-file.js'
import { metadataOf } from './upload.js'
import type { Upload } from './upload.js'

/** Tries of a write that S3 refuses with 409 because another one of the same key is under way. */
const TRIES = 5
const PAUSE_MS = 200

/** Publishes a small file with one request; gives its hex SHA-256. */
export async function putWhole(upload: Upload, signal: AbortSignal): Promise<string> {
  const { source, options } = upload
  const bytes = Buffer.allocUnsafeSlow(source.size)
  await source.read(bytes, 0)
  const digest = sha256(bytes)
  options.onBytes?.(bytes.length)
  await Promise.all([options.lastLook?.(), upload.refuseObstacles(upload, signal)])
  await commit(upload, signal, (condition, patient) => put(upload, bytes, digest, condition, patient))
  return digest
}

/** The client signs the digest of the body, so the server refuses one that was damaged on its way. */
async function put(
  { bucket, key, ...upload }: Upload,
  bytes: Buffer,
  digest: string,
  condition: Condition,
  signal: AbortSignal,
): Promise<void> {
  const command = new PutObjectCommand({
    Bucket: bucket.name,
    Key: key,
    Body: bytes,
    ContentLength: bytes.length,
    Metadata: metadataOf({ bucket, key, ...upload }, digest),
    ...condition,
  })
  for (let attempt = 1; ; attempt++) {
    try {
      await request(bucket, key, 's3:PutObject', signal, (client, options) => client.send(command, options))
      return
    } catch (error) {
      if (statusOf(error) !== 409 || attempt === TRIES) throw error
      await delay(PAUSE_MS * attempt, undefined, { signal }).catch(() => undefined)
      throwIfAborted(signal)
    }
  }
}
