import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
} from '@aws-sdk/client-s3'
import { DuckfleetError } from '../../errors.js'
import type { Bucket, Condition } from './bucket.js'
import { address } from './bucket.js'
import { statusOf } from './errors.js'
import { afterwards, request } from './request.js'

/** A part that the server has. */
export interface FinishedPart {
  readonly PartNumber: number
  readonly ETag: string | undefined
}

interface UploadHeaders {
  readonly Metadata?: Readonly<Record<string, string>>
  readonly ContentType?: string | undefined
}

/** Aborting may be needed more than once: S3 takes parts that were under way in afterwards. */
const ABORTS = 3
/** Milliseconds by which the clocks may differ when an upload of unknown id is looked for. */
const CLOCKS_MS = 2_000

/** Runs `work` with a new multipart upload. When it rejects, the upload and its parts are removed. */
export async function inUpload(
  bucket: Bucket,
  key: string,
  headers: UploadHeaders,
  signal: AbortSignal,
  work: (uploadId: string) => Promise<void>,
): Promise<void> {
  const uploadId = await createUpload(bucket, key, headers, signal)
  try {
    await work(uploadId)
  } catch (error) {
    await abortUpload(bucket, key, uploadId)
    throw error
  }
}

/** Throws what {@link request} throws. */
export async function completeUpload(
  bucket: Bucket,
  key: string,
  uploadId: string,
  parts: readonly FinishedPart[],
  condition: Condition,
  signal: AbortSignal,
): Promise<void> {
  const sorted = [...parts].sort((a, b) => a.PartNumber - b.PartNumber)
  await request(bucket, key, 's3:PutObject', signal, (client, options) =>
    client.send(
      new CompleteMultipartUploadCommand({
        Bucket: bucket.name,
        Key: key,
        UploadId: uploadId,
        MultipartUpload: { Parts: sorted },
        ...condition,
      }),
      options,
    ),
  )
}

/** An answer that was lost leaves an upload whose id nobody knows: those are looked for, and removed. */
async function createUpload(
  bucket: Bucket,
  key: string,
  headers: UploadHeaders,
  signal: AbortSignal,
): Promise<string> {
  const start = Date.now()
  try {
    const created = await request(bucket, key, 's3:PutObject', signal, (client, options) =>
      client.send(new CreateMultipartUploadCommand({ Bucket: bucket.name, Key: key, ...headers }), options),
    )
    if (created.UploadId === undefined)
      throw new DuckfleetError(
        'transient',
        `cannot write ${address(bucket, key)}: the server gave no id for an upload in parts; try again`,
      )
    if ((created.$metadata.attempts ?? 1) > 1) await abortStrays(bucket, key, start, created.UploadId)
    return created.UploadId
  } catch (error) {
    if (!(error instanceof DuckfleetError && error.code === 'usage')) await abortStrays(bucket, key, start)
    throw error
  }
}

/** What cannot be removed stays for the bucket's lifecycle rule: the error that led here matters more. */
async function abortUpload(bucket: Bucket, key: string, uploadId: string): Promise<void> {
  const signal = afterwards()
  for (let attempt = 1; attempt <= ABORTS; attempt++) {
    try {
      await request(bucket, key, 's3:PutObject', signal, (client, options) =>
        client.send(
          new AbortMultipartUploadCommand({ Bucket: bucket.name, Key: key, UploadId: uploadId }),
          options,
        ),
      )
    } catch (error) {
      if (statusOf(error) === 404 || signal.aborted) return
    }
  }
}

/** Another worker's upload of the same key and moment may be hit: that fails, and is tried again. */
async function abortStrays(bucket: Bucket, key: string, start: number, except?: string): Promise<void> {
  const end = Date.now()
  const found = await request(bucket, key, 's3:PutObject', afterwards(), (client, options) =>
    client.send(new ListMultipartUploadsCommand({ Bucket: bucket.name, Prefix: key }), options),
  ).catch(() => undefined)
  const offset = bucket.client.config.systemClockOffset
  for (const { Key, UploadId, Initiated } of found?.Uploads ?? []) {
    if (Key !== key || UploadId === undefined || UploadId === except || Initiated === undefined) continue
    const at = Initiated.getTime() - offset
    if (at >= start - CLOCKS_MS && at <= end + CLOCKS_MS) await abortUpload(bucket, key, UploadId)
  }
}
