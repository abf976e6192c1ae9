import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import { DuckfleetError } from '../../errors.js'
import { isTempName } from '../temp-file.js'
import type { ListedFile } from '../port.js'
import type { Bucket } from './bucket.js'
import { versionOf } from './bucket.js'
import { decodeKey, objectPrefix } from './key.js'
import { incomplete, request } from './request.js'

/** `writtenAt`: milliseconds since 1970, in whole seconds; 0 where the server does not tell. */
export interface ListedObject extends ListedFile {
  readonly writtenAt: number
}

/** See `Store.list`. Sorted by the bytes of the keys. The next page is asked for when the last one was used up. */
export async function* listFiles(
  bucket: Bucket,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<ListedFile> {
  for await (const file of listObjects(bucket, objectPrefix(bucket.name, prefix), signal)) {
    // Consoles make empty objects that stand for folders.
    const folder = file.key.endsWith('/') && file.size === 0
    if (!folder && !isTempName(file.key.slice(file.key.lastIndexOf('/') + 1))) yield file
  }
}

/** Every object whose key starts with `prefix`. */
export async function* listObjects(
  bucket: Bucket,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<ListedObject> {
  for (let token: string | undefined, more = true; more;) {
    const page = await request(bucket, prefix, 's3:ListBucket', signal, (client, options) =>
      client.send(
        new ListObjectsV2Command({
          Bucket: bucket.name,
          Prefix: prefix,
          EncodingType: 'url',
          ContinuationToken: token,
        }),
        options,
      ),
    )
    for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
      const key = page.EncodingType === 'url' ? decodeKey(Key ?? '') : (Key ?? '')
      if (!key.startsWith(prefix)) throw unasked(bucket, prefix, key)
      // A file whose size is not told is not an empty one.
      if (Size === undefined) throw incomplete(bucket, key)
      // Some servers tell more than the seconds that HEAD tells.
      const writtenAt = Math.floor((LastModified?.getTime() ?? 0) / 1000) * 1000
      yield { key, size: Size, version: versionOf(ETag), writtenAt }
    }
    token = page.NextContinuationToken
    more = page.IsTruncated === true
    if (more && token === undefined)
      throw new DuckfleetError('transient', `the list of bucket ${bucket.name} was cut short; try again`)
  }
}

/** Keys that are spelled in another way than was asked for would be taken for other keys: a WAL would be missed. */
function unasked(bucket: Bucket, prefix: string, key: string): DuckfleetError {
  return new DuckfleetError(
    'usage',
    `asked for the keys of bucket ${bucket.name} that begin with ${JSON.stringify(prefix)}, the server lists ` +
      `${JSON.stringify(key)}; use a server that encodes keys as it is asked to (encoding-type=url)`,
  )
}
