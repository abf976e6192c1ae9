import { CopyObjectCommand, UploadPartCopyCommand } from '@aws-sdk/client-s3'
import type { Bucket, Condition } from './bucket.js'
import { quoted } from './bucket.js'
import { statusOf } from './errors.js'
import { copySource } from './key.js'
import { completeUpload, inUpload } from './multipart.js'
import type { FinishedPart } from './multipart.js'
import { cut, inParallel, partSizeFor } from './parts.js'
import { changed, request } from './request.js'
import { headObject } from './stat.js'

/** What is copied; with `version`, that one or none. */
interface CopyOf {
  readonly key: string
  readonly size: number
  readonly version?: string
}

/** Parts that the server copies at a time. */
const PARALLEL = 4

/** Lets the server copy an object within its bucket, with its metadata, in one step. */
export async function copyObject(
  bucket: Bucket,
  from: CopyOf,
  to: string,
  signal: AbortSignal,
  condition: Condition = {},
): Promise<void> {
  if (from.size > bucket.limits.copyWhole) {
    await copyInParts(bucket, from, to, signal, condition)
    return
  }
  await telling(bucket, from, () =>
    request(bucket, to, 's3:PutObject', signal, (client, options) =>
      client.send(
        new CopyObjectCommand({ Bucket: bucket.name, Key: to, ...sourceOf(bucket, from), ...condition }),
        options,
      ),
    ),
  )
}

async function copyInParts(
  bucket: Bucket,
  from: CopyOf,
  to: string,
  signal: AbortSignal,
  condition: Condition,
): Promise<void> {
  const head = await headObject(bucket, from.key, signal)
  if (head === undefined) throw changed(bucket, from.key)
  const headers = { Metadata: head.metadata, ContentType: head.contentType }
  const partSize = partSizeFor(from.size, bucket.limits.copyPart)
  await inUpload(bucket, to, headers, signal, async (uploadId) => {
    const finished: FinishedPart[] = []
    await inParallel(cut(from.size, partSize), PARALLEL, signal, async (part, stop) => {
      const { CopyPartResult } = await telling(bucket, from, () =>
        request(bucket, to, 's3:PutObject', stop, (client, options) =>
          client.send(
            new UploadPartCopyCommand({
              Bucket: bucket.name,
              Key: to,
              UploadId: uploadId,
              PartNumber: part.number,
              CopySourceRange: `bytes=${part.from}-${part.to - 1}`,
              ...sourceOf(bucket, { ...from, version: from.version ?? head.version }),
            }),
            options,
          ),
        ),
      )
      finished.push({ PartNumber: part.number, ETag: CopyPartResult?.ETag })
    })
    await completeUpload(bucket, to, uploadId, finished, condition, signal)
  })
}

function sourceOf(
  bucket: Bucket,
  { key, version }: CopyOf,
): { readonly CopySource: string; readonly CopySourceIfMatch?: string } {
  const CopySource = copySource(bucket.name, key)
  return version === undefined ? { CopySource } : { CopySource, CopySourceIfMatch: quoted(version) }
}

/** A source that is gone or of another version is told as such; a condition on the target has 412 too. */
async function telling<T>(bucket: Bucket, from: CopyOf, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    const status = statusOf(error)
    throw status === 404 ? changed(bucket, from.key, error) : error
  }
}
