import { throwIfAborted } from '../../abort.js'
import { DuckfleetError } from '../../errors.js'
import type { Bucket } from './bucket.js'
import { address } from './bucket.js'
import { s3Error } from './errors.js'

/** The verb of each permission, for the sentence when it fails. */
const ACTIONS = {
  's3:GetObject': 'read',
  's3:ListBucket': 'list',
  's3:PutObject': 'write',
  's3:DeleteObject': 'remove',
} as const
export type Permission = keyof typeof ACTIONS

/** Runs one request to S3; whatever it throws comes out as a DuckfleetError that names bucket and key. */
export async function request<T>(
  bucket: Bucket,
  key: string,
  permission: Permission,
  signal: AbortSignal,
  run: (client: Bucket['client'], options: { readonly abortSignal: AbortSignal }) => Promise<T>,
): Promise<T> {
  throwIfAborted(signal)
  try {
    return await run(bucket.client, { abortSignal: signal })
  } catch (error) {
    throwIfAborted(signal)
    throw s3Error(error, {
      action: ACTIONS[permission],
      address: address(bucket, key),
      bucket: bucket.name,
      permission,
    })
  }
}

/** `transient`: the object is not the version that was looked at before. */
export function changed(bucket: Bucket, key: string, cause?: unknown): DuckfleetError {
  return new DuckfleetError(
    'transient',
    `${address(bucket, key)} changed meanwhile; stop what writes to it, and try again`,
    { cause },
  )
}

/** The server does not tell what a change of the object would be noticed by. */
export function incomplete(bucket: Bucket, key: string): DuckfleetError {
  return new DuckfleetError(
    'usage',
    `cannot read ${address(bucket, key)}: the server tells no ETag or no size, without which a change of the file ` +
      'cannot be noticed; use a server that does',
  )
}
