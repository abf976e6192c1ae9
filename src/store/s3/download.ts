import { open, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { guarded } from '../fs-errors.js'
import { sameVersion } from '../port.js'
import type { OnBytes, StoredFile } from '../port.js'
import type { Bucket } from './bucket.js'
import { cut, inParallel } from './parts.js'
import { getRange } from './range.js'
import type { ObjectVersion } from './range.js'
import { changed } from './request.js'
import { statDatabase } from './stat.js'

/** See `Store.download`. */
export async function download(
  bucket: Bucket,
  key: string,
  before: StoredFile,
  toPath: string,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<void> {
  const made: string[] = []
  try {
    for (const { suffix, size, version } of [{ ...before, suffix: '' }, ...before.wals]) {
      const to = toPath + suffix
      const handle = await guarded('create', to, () => open(to, 'wx'))
      made.push(to)
      try {
        await fill(bucket, { key: key + suffix, size, version }, handle, to, onBytes, signal)
      } finally {
        await handle.close()
      }
    }
    // The bytes are those of this version; but a WAL that appeared meanwhile would hold rows that the copy lacks.
    const { file: now } = await statDatabase(bucket, key, signal)
    if (now === undefined || !sameVersion(now, before)) throw changed(bucket, key)
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
  await inParallel(cut(object.size, getPart), gets, signal, async (part, stop) => {
    const write = (chunks: readonly Uint8Array[], at: number): Promise<void> =>
      guarded('write', path, () => writeAll(handle, chunks, at))
    await getRange(bucket, object, part, { write, onBytes }, stop)
  })
}

async function writeAll(handle: FileHandle, chunks: readonly Uint8Array[], position: number): Promise<void> {
  let { bytesWritten } = await handle.writev([...chunks], position)
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  if (bytesWritten === total) return
  // A short write is rare: a disk that is nearly full. The next one says why.
  const all = Buffer.concat(chunks)
  while (bytesWritten < total) {
    const more = await handle.write(all, bytesWritten, total - bytesWritten, position + bytesWritten)
    bytesWritten += more.bytesWritten
  }
}
