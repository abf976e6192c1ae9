import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
} from '@aws-sdk/client-s3'
import type { MultipartUpload } from '@aws-sdk/client-s3'
import { throwIfAborted } from '../../abort.js'
import { DuckfleetError } from '../../errors.js'
import { afterwards, finishing, lookAgain } from './after-stop.js'
import type { Bucket, Condition } from './bucket.js'
import { address } from './bucket.js'
import { statusOf } from './errors.js'
import { request } from './request.js'

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
/** Milliseconds that a server may take to carry out a request whose answer was lost, clocks included. */
const LATE_MS = 15_000

/** Runs `work` with a new multipart upload. When it rejects, the upload and its parts are removed. */
export async function inUpload(
  bucket: Bucket,
  key: string,
  headers: UploadHeaders,
  signal: AbortSignal,
  work: (uploadId: string) => Promise<void>,
): Promise<void> {
  const start = Date.now()
  const { uploadId, repeated } = await createUpload(bucket, key, headers, signal)
  const span = { start, end: Date.now() }
  try {
    throwIfAborted(signal)
    await abortEarlier(bucket, key, uploadId)
    await work(uploadId)
  } catch (error) {
    await abortUpload(bucket, key, uploadId)
    throw error
  } finally {
    if (repeated) await abortStrays(bucket, key, span)
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

/**
 * An answer that was lost leaves an upload whose id nobody knows: those are looked for, and removed. `repeated`: the
 * client asked more than once, and the server may have done so too.
 */
async function createUpload(
  bucket: Bucket,
  key: string,
  headers: UploadHeaders,
  signal: AbortSignal,
): Promise<{ readonly uploadId: string; readonly repeated: boolean }> {
  throwIfAborted(signal)
  const start = Date.now()
  try {
    const { UploadId, $metadata } = await finishing(signal, (patient) =>
      request(bucket, key, 's3:PutObject', patient, (client, options) =>
        client.send(new CreateMultipartUploadCommand({ Bucket: bucket.name, Key: key, ...headers }), options),
      ),
    )
    if (UploadId === undefined)
      throw new DuckfleetError(
        'transient',
        `cannot write ${address(bucket, key)}: the server gave no id for an upload in parts; try again`,
      )
    return { uploadId: UploadId, repeated: ($metadata.attempts ?? 1) > 1 }
  } catch (error) {
    if (!(error instanceof DuckfleetError && error.code === 'usage'))
      await abortStrays(bucket, key, { start, end: Date.now() })
    throw error
  }
}

/** What cannot be removed stays for the bucket's lifecycle rule: the error that led here matters more. */
async function abortUpload(bucket: Bucket, key: string, uploadId: string): Promise<void> {
  await afterwards(async (signal) => {
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
  })
}

/** Another worker's upload of the same key and moment may be hit: that fails, and is tried again. */
async function abortStrays(
  bucket: Bucket,
  key: string,
  { start, end }: { readonly start: number; readonly end: number },
): Promise<void> {
  const offset = bucket.client.config.systemClockOffset
  await lookAgain(async () => {
    for (const { UploadId, Initiated } of await uploadsOf(bucket, key)) {
      if (UploadId === undefined || Initiated === undefined) continue
      const at = Initiated.getTime() - offset
      if (at >= start - CLOCKS_MS && at <= end + LATE_MS) await abortUpload(bucket, key, UploadId)
    }
    // Another one may still come.
    return false
  })
}

/**
 * Removes what killed workers of the same account left of this key, and what a lost answer did: a message has one worker,
 * and one that lives on without it fails to publish, which is what it should do.
 */
async function abortEarlier(bucket: Bucket, key: string, current: string): Promise<void> {
  const found = await uploadsOf(bucket, key)
  const own = found.find(({ UploadId }) => UploadId === current)
  if (own === undefined) return
  for (const upload of found) {
    if (upload.UploadId !== undefined && initiatorOf(upload) === initiatorOf(own) && isEarlier(upload, own))
      await abortUpload(bucket, key, upload.UploadId)
  }
}

/** Of those that have assumed a role, the role: every task of a service has a session of its own, `…:assumed-role/ROLE/SESSION`. */
function initiatorOf({ Initiator }: MultipartUpload): string | undefined {
  return Initiator?.ID?.replace(/(:assumed-role\/.*)\/[^/]*$/, '$1')
}

/** A strict order, so that of uploads that begin together one always stays. */
function isEarlier(a: MultipartUpload, b: MultipartUpload): boolean {
  const [first, second] = [a.Initiated?.getTime() ?? 0, b.Initiated?.getTime() ?? 0]
  return first === second ? (a.UploadId ?? '') < (b.UploadId ?? '') : first < second
}

/** None where they may not be listed: a lifecycle rule removes what stays. */
async function uploadsOf(bucket: Bucket, key: string): Promise<readonly MultipartUpload[]> {
  const found = await afterwards((late) =>
    request(bucket, key, 's3:ListBucket', late, (client, options) =>
      client.send(new ListMultipartUploadsCommand({ Bucket: bucket.name, Prefix: key }), options),
    ),
  ).catch(() => undefined)
  return (found?.Uploads ?? []).filter(({ Key }) => Key === key)
}
