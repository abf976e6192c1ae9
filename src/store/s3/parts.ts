import { setMaxListeners } from 'node:events'
import { linkAbort, throwIfAborted } from '../../abort.js'

/** A piece of a file: `from` inclusive, `to` exclusive, bytes. */
export interface Part {
  /** 1, 2, … */
  readonly number: number
  readonly from: number
  readonly to: number
}

/** S3 takes no more parts than this. */
const MAX_PARTS = 10_000
const MIB = 1024 * 1024

/** Cuts `size` bytes into parts; an empty file has none. */
export function* cut(size: number, partSize: number): Generator<Part> {
  for (let from = 0, number = 1; from < size; from += partSize, number++)
    yield { number, from, to: Math.min(size, from + partSize) }
}

/** Bytes of a part, whole MiB when it has to be more than `least`, so that S3 takes the file. */
export function partSizeFor(size: number, least: number): number {
  const needed = Math.ceil(size / MAX_PARTS)
  return needed <= least ? least : Math.ceil(needed / MIB) * MIB
}

/**
 * Runs `run` for all items, `limit` at a time. Comes back when none runs any more: rejects with the first error, which
 * stops the others.
 */
export async function inParallel<T>(
  items: Iterable<T>,
  limit: number,
  signal: AbortSignal,
  run: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { controller, release } = linkAbort(signal)
  // Every request listens; more than ten of them are no leak.
  setMaxListeners(0, controller.signal)
  const failures: unknown[] = []
  const queue = items[Symbol.iterator]()
  const worker = async (): Promise<void> => {
    while (!controller.signal.aborted) {
      const next = queue.next()
      if (next.done === true) return
      await run(next.value, controller.signal).catch((error: unknown) => {
        failures.push(error)
        controller.abort()
      })
    }
  }
  try {
    await Promise.all(Array.from({ length: limit }, worker))
  } finally {
    release()
  }
  throwIfAborted(signal)
  if (failures.length > 0) throw failures[0]
}
