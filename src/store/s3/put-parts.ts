import { UploadPartCommand } from '@aws-sdk/client-s3'
import { commit } from './commit.js'
import { completeUpload, inUpload } from './multipart.js'
import type { FinishedPart } from './multipart.js'
import { cut, inParallel, partSizeFor } from './parts.js'
import { request } from './request.js'
import { metadataOf } from './upload.js'
import type { Upload } from './upload.js'

/**
 * Publishes a file in parts, of which the memory holds a few; gives its hex SHA-256. The file is read twice: the
 * digest belongs to the metadata, which S3 wants first.
 *
 * Servers that ignore conditions on completion (Ceph) are asked right before it whether the destination is free, and
 * right after it whose it is: between the two, some milliseconds, another writer's file could be replaced there.
 */
export async function putInParts(upload: Upload, signal: AbortSignal): Promise<string> {
  const { bucket, key, source } = upload
  await upload.refuseObstacles(upload, signal)
  const digest = await source.digest(signal)
  const headers = { Metadata: metadataOf(upload, digest) }
  await inUpload(bucket, key, headers, signal, async (uploadId) => {
    const parts = await uploadParts(upload, uploadId, signal)
    await upload.refuseObstacles(upload, signal)
    await commit(upload, signal, (condition, patient) =>
      completeUpload(bucket, key, uploadId, parts, condition, patient),
    )
  })
  return digest
}

async function uploadParts(
  { bucket, key, source, options }: Upload,
  uploadId: string,
  signal: AbortSignal,
): Promise<readonly FinishedPart[]> {
  const { putPart, putMemory } = bucket.limits
  const partSize = partSizeFor(source.size, putPart)
  const finished: FinishedPart[] = []
  const free: Buffer[] = []
  const limit = Math.max(1, Math.floor(putMemory / partSize))
  await inParallel(cut(source.size, partSize), limit, signal, async ({ number, from, to }, stop) => {
    const buffer = free.pop() ?? Buffer.allocUnsafeSlow(partSize)
    const bytes = buffer.subarray(0, to - from)
    await source.read(bytes, from)
    const { ETag } = await request(bucket, key, 's3:PutObject', stop, (client, sending) =>
      client.send(
        new UploadPartCommand({
          Bucket: bucket.name,
          Key: key,
          UploadId: uploadId,
          PartNumber: number,
          Body: bytes,
          ContentLength: bytes.length,
        }),
        sending,
      ),
    )
    // Not after an error: a socket may still be sending from it.
    free.push(buffer)
    finished.push({ PartNumber: number, ETag })
    options.onBytes?.(bytes.length)
  })
  return finished
}
