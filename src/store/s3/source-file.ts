import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { throwIfAborted } from '../../abort.js'
import { DuckfleetError } from '../../errors.js'
import { guarded } from '../fs-errors.js'

const CHUNK = 1024 * 1024

/** A local file that is being published: opened once, so that all that is read is of one and the same file. */
export interface SourceFile {
  /** Bytes. */
  readonly size: number
  /** Fills `into` with the bytes from `from` on. Rejects when the file is shorter than it was. */
  read(into: Uint8Array, from: number): Promise<void>
  /** Hex SHA-256 of the file. */
  digest(signal: AbortSignal): Promise<string>
  close(): Promise<void>
}

export async function openSource(path: string): Promise<SourceFile> {
  const handle = await guarded('read', path, () => open(path, 'r'))
  try {
    const { size } = await guarded('read', path, () => handle.stat())
    const read = (into: Uint8Array, from: number): Promise<void> =>
      guarded('read', path, () => readFully(handle, into, from, path))
    return {
      size,
      read,
      digest: (signal) => digestOf(size, read, signal),
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function digestOf(size: number, read: SourceFile['read'], signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  let [ready, next] = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)]
  const fill = async (buffer: Buffer, from: number): Promise<Buffer> => {
    const piece = buffer.subarray(0, Math.max(0, Math.min(CHUNK, size - from)))
    if (piece.length > 0) await read(piece, from)
    return piece
  }
  let reading = fill(ready, 0)
  for (let from = 0; from < size; from += CHUNK) {
    const piece = await reading
    throwIfAborted(signal)
    // The disk works while the digest is computed.
    reading = fill(next, from + CHUNK)
    reading.catch(() => undefined)
    hash.update(piece)
    ;[ready, next] = [next, ready]
  }
  await reading
  return hash.digest('hex')
}

async function readFully(handle: FileHandle, into: Uint8Array, from: number, path: string): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await handle.read(into, done, into.length - done, from + done)
    if (bytesRead === 0)
      throw new DuckfleetError('transient', `${path} became shorter while it was being published; try again`)
    done += bytesRead
  }
}
