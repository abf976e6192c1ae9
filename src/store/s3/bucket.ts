import type { S3Client } from '@aws-sdk/client-s3'

const MIB = 1024 * 1024

/** How big a request may be; other numbers than the usual ones are for tests. */
export interface S3Limits {
  /** Bytes of a file that is read with its head: files of this size and less. */
  readonly atOnce: number
  /** Bytes of one ranged GET, and how many of them run at a time. */
  readonly getPart: number
  readonly gets: number
  /** Bytes that are written by a single PUT: files of this size and less. */
  readonly putWhole: number
  /** Bytes of a part of bigger ones, at least. */
  readonly putPart: number
  /** Bytes of parts that are held in memory at a time; one part is always held. */
  readonly putMemory: number
  /** Bytes that the server copies in one request at most. */
  readonly copyWhole: number
  /** Bytes of a part of what is bigger, at least. */
  readonly copyPart: number
}

export const S3_LIMITS: S3Limits = {
  atOnce: 4 * MIB,
  // Every request costs the server a while in which it sends nothing.
  getPart: 64 * MIB,
  gets: 8,
  putWhole: 16 * MIB,
  putPart: 16 * MIB,
  putMemory: 64 * MIB,
  copyWhole: 5_000_000_000,
  copyPart: 1024 * MIB,
}

/** One bucket, and how to talk to it. */
export interface Bucket {
  readonly client: S3Client
  readonly name: string
  /** Address of an S3-compatible server; undefined: AWS. */
  readonly endpoint: string | undefined
  readonly limits: S3Limits
}

/** Under which condition the server may write. */
export interface Condition {
  readonly IfMatch?: string
  readonly IfNoneMatch?: string
}

/** `s3://bucket/key` */
export function address(bucket: Bucket, key: string): string {
  return `s3://${bucket.name}/${key}`
}

/** What tells a version of an object from others: its ETag, in the form that all answers share. */
export function versionOf(etag: string | undefined): string {
  return (etag ?? '').replace(/^"|"$/g, '')
}

/** The version as HTTP wants it. */
export function quoted(version: string): string {
  return `"${version}"`
}
