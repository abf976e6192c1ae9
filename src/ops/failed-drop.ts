import type { HeldMessage } from '../queue/port-failed.js'
import type { FailedEntry } from './failed-entry.js'
import { walkFailed } from './failed-walk.js'
import type { FailedWalk, Visitor, WalkTally } from './failed-walk.js'

/** Keeps what was dropped. */
export interface DropRecord {
  /** Resolves when all of it is on disk. */
  append(lines: readonly string[]): Promise<void>
}

/** Messages that are written together. */
const BATCH = 500

/**
 * Removes the failed messages that are meant, each after it is in the record for sure. Rejects as the walk does; those that
 * `onDropped` was told of may be gone then, and are all in the record.
 */
export async function dropFailed(
  walk: FailedWalk,
  record: DropRecord,
  onDropped: (count: number) => void,
  signal: AbortSignal,
): Promise<WalkTally> {
  let batch: { readonly held: HeldMessage; readonly line: string }[] = []
  const flush = async (): Promise<void> => {
    const full = batch
    batch = []
    if (full.length === 0) return
    await record.append(full.map(({ line }) => line))
    for (const { held } of full) held.drop()
    onDropped(full.length)
  }
  const visitor: Visitor = {
    async visit(held, entry) {
      batch.push({ held, line: lineOf(entry, held.message.content) })
      if (batch.length >= BATCH) await flush()
    },
    settled: flush,
  }
  return walkFailed(walk, visitor, signal)
}

/** One object, with everything that it takes to publish the message again. */
function lineOf(entry: FailedEntry, content: Uint8Array): string {
  const bytes = Buffer.from(content)
  const text = bytes.equals(Buffer.from(entry.body))
  return JSON.stringify({
    ...entry,
    droppedAt: new Date().toISOString(),
    ...(text ? {} : { bodyBase64: bytes.toString('base64') }),
  })
}
