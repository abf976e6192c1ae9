import { createHash, webcrypto } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { throwIfAborted } from '../../abort.js'
import { DuckfleetError } from '../../errors.js'
import { guarded } from '../fs-errors.js'
import { cut } from './parts.js'

/** Hex SHA-256 of a file and of its parts. */
interface Digests {
  readonly whole: string
  readonly parts: readonly string[]
}

/** A local file that is being published: opened once, so that all that is read is of one and the same file. */
export interface SourceFile {
  /** Bytes. */
  readonly size: number
  /** Fills `into` with the bytes from `from` on. Rejects when the file is shorter than it was. */
  read(into: Uint8Array, from: number): Promise<void>
  /** Reads the file once, and holds two of its parts of `partSize` bytes. */
  digests(partSize: number, signal: AbortSignal): Promise<Digests>
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
      digests: (partSize, signal) => digestsOf(size, partSize, read, signal),
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

async function digestsOf(
  size: number,
  partSize: number,
  read: SourceFile['read'],
  signal: AbortSignal,
): Promise<Digests> {
  const whole = createHash('sha256')
  const parts: string[] = []
  let [ready, next] = [Buffer.allocUnsafeSlow(partSize), Buffer.allocUnsafeSlow(partSize)]
  const fill = async (buffer: Buffer, from: number): Promise<Buffer> => {
    const bytes = buffer.subarray(0, Math.max(0, Math.min(partSize, size - from)))
    if (bytes.length > 0) await read(bytes, from)
    return bytes
  }
  let reading = fill(ready, 0)
  for (const { to } of cut(size, partSize)) {
    const bytes = await reading
    throwIfAborted(signal)
    // The disk and another thread work while the digest of the whole is computed.
    reading = fill(next, to)
    reading.catch(() => undefined)
    const aside = webcrypto.subtle.digest('SHA-256', bytes)
    whole.update(bytes)
    parts.push(Buffer.from(await aside).toString('hex'))
    ;[ready, next] = [next, ready]
  }
  await reading
  return { whole: whole.digest('hex'), parts }
}

async function readFully(handle: FileHandle, into: Uint8Array, from: number, path: string): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await handle.read(into, done, into.length - done, from + done)
    if (bytesRead === 0)
      throw new DuckfleetError('transient', `${path} became shorter while it was being published; try again`)
    done += bytesRead
  }
}
