import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'

/** Bytes of an object: `from` inclusive, `to` exclusive. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** Where the bytes of a range go. */
export interface Sink {
  /** Takes chunks that belong at `position` of the object, one after another. */
  readonly write: (chunks: readonly Uint8Array[], position: number) => Promise<void>
  /** Told up to where the range is written. */
  readonly onReached: (position: number) => void
}

/** Bytes that are gathered for one write: sockets give 64 KiB at a time, and each write costs a thread's turn. */
const GATHER = 1024 * 1024

/** Writes a body to its place. Rejects when it has not exactly the bytes of the range. */
export async function pour(body: Readable, range: Range, { write, onReached }: Sink): Promise<void> {
  // Its events are over.
  if (body.destroyed) throw body.errored ?? new Error('the answer broke off')
  let position = range.from
  let gathered: Uint8Array[] = []
  let bytes = 0
  const flush = async (): Promise<void> => {
    if (position + bytes > range.to) throw new Error('more bytes than the range has')
    await write(gathered, position)
    position += bytes
    onReached(position)
    gathered = []
    bytes = 0
  }
  let flushing = Promise.resolve()
  // Events, for there are many chunks, and a loop that waits for each takes as long as all the rest.
  await new Promise<void>((resolve, reject) => {
    body.on('data', (chunk: Uint8Array) => {
      gathered.push(chunk)
      bytes += chunk.length
      if (bytes < GATHER) return
      body.pause()
      flushing = flush()
      flushing.then(() => body.resume(), reject)
    })
    body.once('end', resolve)
    body.once('error', reject)
    body.once('close', () => {
      reject(new Error('the answer broke off'))
    })
  })
  // A body may end while it is paused.
  await flushing
  if (bytes > 0) await flush()
  if (position !== range.to) throw new Error(`${range.to - position} bytes are missing`)
}

/** Writes chunks one after another to a place in a file. */
export async function writeAt(
  handle: FileHandle,
  chunks: readonly Uint8Array[],
  position: number,
): Promise<void> {
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
