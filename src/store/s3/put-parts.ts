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
 * digest belongs to the metadata, which S3 wants first. The digests of the parts come from that first pass too, so the
 * server takes the bytes that were read then, and no others.
 *
 * Servers that ignore conditions on completion (Ceph) are asked right before it whether the destination is free, and
 * right after it whose it is: between the two, some milliseconds, another writer's file could be replaced there.
 */
export async function putInParts(upload: Upload, signal: AbortSignal): Promise<string> {
  const { bucket, key, source } = upload
  await upload.refuseObstacles(upload, signal)
  const partSize = partSizeFor(source.size, bucket.limits.putPart)
  const digests = await source.digests(partSize, signal)
  const headers = { Metadata: metadataOf(upload, digests.whole) }
  await inUpload(bucket, key, headers, signal, async (uploadId) => {
    const parts = await uploadParts(upload, uploadId, partSize, digests.parts, signal)
    await Promise.all([upload.options.lastLook?.(), upload.refuseObstacles(upload, signal)])
    await commit(upload, signal, (condition, patient) =>
      completeUpload(bucket, key, uploadId, parts, condition, patient),
    )
  })
  return digests.whole
}

async function uploadParts(
  { bucket, key, source, options }: Upload,
  uploadId: string,
  partSize: number,
  digests: readonly string[],
  signal: AbortSignal,
): Promise<readonly FinishedPart[]> {
  const finished: FinishedPart[] = []
  const free: Buffer[] = []
  const limit = Math.max(1, Math.floor(bucket.limits.putMemory / partSize))
  await inParallel(cut(source.size, partSize), limit, signal, async ({ number, from, to }, stop) => {
    const buffer = free.pop() ?? Buffer.allocUnsafeSlow(partSize)
    const bytes = buffer.subarray(0, to - from)
    await source.read(bytes, from)
    const command = new UploadPartCommand({
      Bucket: bucket.name,
      Key: key,
      UploadId: uploadId,
      PartNumber: number,
      Body: bytes,
      ContentLength: bytes.length,
    })
    signDigest(command, digests[number - 1])
    const { ETag } = await request(bucket, key, 's3:PutObject', stop, (client, sending) =>
      client.send(command, sending),
    )
    // Not after an error: a socket may still be sending from it.
    free.push(buffer)
    finished.push({ PartNumber: number, ETag })
    options.onBytes?.(bytes.length)
  })
  return finished
}

/** The server refuses a part of another digest. Undefined: the client computes it, once more. */
function signDigest(command: UploadPartCommand, digest: string | undefined): void {
  if (digest === undefined) return
  command.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { readonly headers: Record<string, string> }
      headers['x-amz-content-sha256'] = digest
      return next(args)
    },
    { step: 'build' },
  )
}
