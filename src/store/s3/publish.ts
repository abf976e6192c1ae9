import { randomUUID } from 'node:crypto'
import { throwIfAborted } from '../../abort.js'
import { DuckfleetError } from '../../errors.js'
import type { PublishOptions, Published } from '../port.js'
import type { Bucket } from './bucket.js'
import { address } from './bucket.js'
import { alreadyThere } from './commit.js'
import { putInParts } from './put-parts.js'
import { putWhole } from './put-whole.js'
import { openSource } from './source-file.js'
import { assertUnchanged, headObject, statWals } from './stat.js'
import type { Upload } from './upload.js'

/** See `Store.publish`. */
export async function publish(
  bucket: Bucket,
  key: string,
  fromPath: string,
  options: PublishOptions,
  signal: AbortSignal,
): Promise<Published> {
  throwIfAborted(signal)
  const source = await openSource(fromPath)
  try {
    const upload: Upload = { bucket, key, source, options, id: randomUUID(), refuseObstacles }
    const digest =
      source.size <= bucket.limits.putWhole
        ? await putWhole(upload, signal)
        : await putInParts(upload, signal)
    return { digest: `sha256:${digest}`, bytes: source.size }
  } finally {
    await source.close()
  }
}

async function refuseObstacles({ bucket, key, options }: Upload, signal: AbortSignal): Promise<void> {
  if (options.replaces !== undefined) {
    await assertUnchanged(bucket, key, options.replaces, signal)
    return
  }
  // The object itself is asked: some servers' lists lag behind, and not all heed the condition of a write.
  const [[wal], existing] = await Promise.all([
    statWals(bucket, key, signal),
    headObject(bucket, key, signal),
  ])
  if (wal !== undefined) {
    throw new DuckfleetError(
      'usage',
      `${address(bucket, key)}${wal.suffix} lies at the destination, and DuckDB would replay it into the new file; ` +
        'move the WAL away, then run again',
    )
  }
  if (existing !== undefined) throw alreadyThere(bucket, key)
}
