/** A thread has less than this to do with a smaller file, and the threads then cost more than they save. */
const BYTES_PER_THREAD = 8_000_000

/** Threads of an engine for a file of `bytes`: at least one, at most `most`. */
export function threadsFor(bytes: number, most: number): number {
  return Math.max(1, Math.min(most, Math.ceil(bytes / BYTES_PER_THREAD)))
}
