import { open, stat } from 'node:fs/promises'
import { throwIfAborted } from '../abort.js'
import { checkBlocks, type ReadBytes } from '../migration/file/blocks.js'
import { refuseTornFrames, WAL_SUFFIXES } from '../migration/file/wal.js'

/**
 * Checks every block of a database file of 0.9 or later, without an engine.
 * @throws DuckfleetError `corrupt`, `aborted`
 */
export async function checkFile(path: string, signal: AbortSignal): Promise<void> {
  await reading(path, signal, checkBlocks)
}

/**
 * Checks that the WALs beside a database file of 0.9 or later are whole.
 * @throws DuckfleetError `corrupt`, `aborted`
 */
export async function checkWals(path: string, signal: AbortSignal): Promise<void> {
  for (const suffix of WAL_SUFFIXES) {
    const found = await stat(path + suffix).catch(() => undefined)
    if (found) await reading(path + suffix, signal, (read) => refuseTornFrames(read, found.size))
  }
}

/** Runs `work` with a file that is open for reading. */
export async function reading<T>(
  path: string,
  signal: AbortSignal,
  work: (read: ReadBytes) => Promise<T>,
): Promise<T> {
  const file = await open(path, 'r')
  try {
    return await work(async (offset, length) => {
      throwIfAborted(signal)
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset)
      return buffer.subarray(0, bytesRead)
    })
  } finally {
    await file.close()
  }
}
