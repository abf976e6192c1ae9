import { open, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { guarded } from '../fs-errors.js'
import type { DownloadOptions, OnBytes, StoredFile } from '../port.js'
import type { Bucket } from './bucket.js'
import { cut, inParallel } from './parts.js'
import { writeAt } from './pour.js'
import { getRange } from './range.js'
import type { ObjectVersion } from './range.js'
import { openReceiver } from './receiver.js'

/** See `Store.download`. */
export async function download(
  bucket: Bucket,
  key: string,
  before: StoredFile,
  toPath: string,
  { head, onBytes = () => undefined }: DownloadOptions,
  signal: AbortSignal,
): Promise<void> {
  const made: string[] = []
  try {
    for (const { suffix, size, version } of [{ ...before, suffix: '' }, ...before.wals]) {
      const to = toPath + suffix
      const handle = await guarded('create', to, () => open(to, 'wx'))
      made.push(to)
      try {
        if (suffix === '' && head?.length === size) {
          await guarded('write', to, () => handle.writeFile(head))
          onBytes(size)
        } else await fill(bucket, { key: key + suffix, size, version }, handle, to, onBytes, signal)
      } finally {
        await handle.close()
      }
    }
  } catch (error) {
    for (const file of made) await rm(file, { force: true })
    throw error
  }
}

/** Every part goes to its own place in the file, in whatever order they come. */
async function fill(
  bucket: Bucket,
  object: ObjectVersion,
  handle: FileHandle,
  path: string,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<void> {
  await guarded('write', path, () => handle.truncate(object.size))
  const { getPart, gets } = bucket.limits
  const write = (chunks: readonly Uint8Array[], at: number): Promise<void> =>
    guarded('write', path, () => writeAt(handle, chunks, at))
  // Starting a thread takes longer than a small file.
  const receiver = object.size > getPart ? openReceiver(bucket.client) : undefined
  const to = receiver === undefined ? { write, onBytes } : { receiver, path, onBytes }
  try {
    await inParallel(cut(object.size, getPart), gets, signal, (part, stop) =>
      getRange(bucket, object, part, to, stop),
    )
  } finally {
    await receiver?.close()
  }
}
