import type { StoredFile } from '../port.js'
import type { Bucket } from './bucket.js'
import { getRange } from './range.js'
import { assertUnchanged } from './stat.js'

/** See `Store.readHead`. */
export async function readHead(
  bucket: Bucket,
  key: string,
  file: StoredFile,
  length: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.min(length, file.size))
  if (bytes.length === 0) {
    // No range of an empty file can be asked for.
    await assertUnchanged(bucket, key, file, signal)
    return bytes
  }
  const write = (chunks: readonly Uint8Array[], position: number): Promise<void> => {
    bytes.set(Buffer.concat(chunks), position)
    return Promise.resolve()
  }
  const object = { key, size: file.size, version: file.version }
  await getRange(bucket, object, { from: 0, to: bytes.length }, { write }, signal)
  return bytes
}
