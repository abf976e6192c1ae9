import { randomUUID } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import type { MultipartUpload, S3Client } from '@aws-sdk/client-s3'
import { createS3Client } from '../../src/store/s3/client.js'
import { services } from './services.js'

/** A bucket of a test's own on the real server, and a way to it that goes through no store. */
export interface TestBucket {
  readonly name: string
  readonly endpoint: string
  readonly client: S3Client
  readonly put: (key: string, bytes: Uint8Array) => Promise<void>
  readonly get: (key: string) => Promise<Uint8Array | undefined>
  readonly metadata: (key: string) => Promise<Readonly<Record<string, string>>>
  /** Every key, sorted, as the server has it. */
  readonly names: () => Promise<readonly string[]>
  /** Keys of uploads in parts that were neither finished nor aborted. */
  readonly uploads: () => Promise<readonly string[]>
  readonly remove: (key: string) => Promise<void>
  readonly empty: () => Promise<void>
  readonly dispose: () => Promise<void>
}

/** `versions`: it keeps what is replaced or removed. */
export async function createBucket({ versions = false } = {}): Promise<TestBucket> {
  const { endpoint } = services().s3
  const client = createS3Client({ endpoint })
  const name = `test-${randomUUID()}`
  await client.send(new CreateBucketCommand({ Bucket: name }))
  const Bucket = name
  if (versions) {
    const VersioningConfiguration = { Status: 'Enabled' } as const
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }))
  }
  const names = async (): Promise<readonly string[]> => {
    const keys: string[] = []
    for (let token: string | undefined, more = true; more;) {
      const page = await client.send(new ListObjectsV2Command({ Bucket, ContinuationToken: token }))
      keys.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ''))
      token = page.NextContinuationToken
      more = page.IsTruncated === true
    }
    return keys.sort()
  }
  const remove = async (key: string): Promise<void> => {
    await client.send(new DeleteObjectCommand({ Bucket, Key: key }))
  }
  const unfinished = async (): Promise<readonly MultipartUpload[]> =>
    (await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? []
  const empty = async (): Promise<void> => {
    for (const { Key, UploadId } of await unfinished())
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
    for (const key of await names()) await remove(key)
    if (!versions) return
    const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket }))
    for (const { Key, VersionId } of [...Versions, ...DeleteMarkers])
      await client.send(new DeleteObjectCommand({ Bucket, Key, VersionId }))
  }
  return {
    name,
    endpoint,
    client,
    async put(Key, Body) {
      await client.send(new PutObjectCommand({ Bucket, Key, Body }))
    },
    async get(Key) {
      try {
        const found = await client.send(new GetObjectCommand({ Bucket, Key }))
        return await found.Body?.transformToByteArray()
      } catch (error) {
        if (error instanceof Error && error.name === 'NoSuchKey') return undefined
        throw error
      }
    },
    async metadata(Key) {
      const found = await client.send(new GetObjectCommand({ Bucket, Key }))
      await found.Body?.transformToByteArray()
      return found.Metadata ?? {}
    },
    names,
    uploads: async () => (await unfinished()).map(({ Key }) => Key ?? ''),
    remove,
    empty,
    async dispose() {
      await empty()
      await client.send(new DeleteBucketCommand({ Bucket }))
      client.destroy()
    },
  }
}
