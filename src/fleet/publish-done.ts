import { HEADER_BYTES, parseHeader } from '../migration/file/header.js'
import { alreadyWrittenBy } from '../migration/file/releases.js'
import type { Target } from '../migration/upgrade.js'
import type { Store } from '../store/port.js'

/**
 * True when the destination holds a database in the format that the target writes: an earlier message did its work.
 * Whether the source changed since is not looked at. What is there and is no such database is work to be done.
 */
export async function isDone(
  destination: Store,
  key: string,
  target: Target,
  signal: AbortSignal,
): Promise<boolean> {
  const { file } = await destination.stat(key, signal)
  if (file === undefined || file.wals.length > 0) return false
  const found = parseHeader(await destination.readHead(key, file, HEADER_BYTES, signal), file.size)
  return found.kind === 'database' && alreadyWrittenBy(found.header, target)
}
