/** With less to do, a thread costs more than it saves: measured with files of 2 MB; the bound itself is a guess above them. */
const BYTES_PER_THREAD = 8_000_000

/** Threads of an engine for a file of `bytes`: at least one, at most `most`. */
export function threadsFor(bytes: number, most: number): number {
  return Math.max(1, Math.min(most, Math.ceil(bytes / BYTES_PER_THREAD)))
}
