import { open } from 'node:fs/promises'
import { throwIfAborted } from '../abort.js'
import { checkBlocks } from '../migration/blocks.js'

/**
 * Checks every block of a database file of 0.9 or later, without an engine.
 * @throws DuckfleetError `corrupt`, `aborted`
 */
export async function checkFile(path: string, signal: AbortSignal): Promise<void> {
  const file = await open(path, 'r')
  try {
    await checkBlocks(async (offset, length) => {
      throwIfAborted(signal)
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset)
      return buffer.subarray(0, bytesRead)
    })
  } finally {
    await file.close()
  }
}
