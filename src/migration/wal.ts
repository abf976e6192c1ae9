import { DuckfleetError } from '../errors.js'

/** Entry that ends each transaction in the WAL of 0.3 – 0.8 (`WALType::WAL_FLUSH`). */
const FLUSH = 100

/**
 * Engines up to 0.8 drop the whole WAL when its end is torn, with one line on their output. A whole WAL ends with a
 * flush.
 * @throws DuckfleetError `corrupt`
 */
export function refuseTornWal(wal: { readonly size: number; readonly lastByte: number } | undefined): void {
  if (!wal || wal.size === 0 || wal.lastByte === FLUSH) return
  throw new DuckfleetError(
    'corrupt',
    'its .wal is torn or was copied while a transaction was being written: its last rows cannot be read. ' +
      'Get a whole copy, or open the file once with the release that wrote it and run CHECKPOINT',
  )
}
