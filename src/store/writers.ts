import { readFile, stat } from 'node:fs/promises'
import { DuckfleetError } from '../errors.js'

/** Locks of this machine, as Linux lists them; other systems have no such list. */
const LOCKS = '/proc/locks'

/**
 * Rejects with `transient` when a process of this machine has locked the file for writing, as every DuckDB does that did not
 * open it read-only: it would go on with the old file, and put its WAL beside the new one. Who works on another machine, by a
 * network file system, is not seen.
 */
export async function refuseWriters(file: string): Promise<void> {
  const locks = await readFile(LOCKS, 'utf8').catch(() => '')
  const { dev, ino } = await stat(file, { bigint: true })
  const place = `${hex(majorOf(dev))}:${hex(minorOf(dev))}:${ino}`
  const [, pid] =
    new RegExp(`(?:POSIX|OFDLCK)\\s+ADVISORY\\s+WRITE\\s+(\\S+)\\s+${place}\\s`).exec(locks) ?? []
  if (pid === undefined) return
  throw new DuckfleetError(
    'transient',
    `${file} is open for writing in the process ${pid}, which would go on with the old file; close it there, and try again`,
  )
}

/** As the C library takes the number of a device apart. */
function majorOf(dev: bigint): bigint {
  return ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn)
}

function minorOf(dev: bigint): bigint {
  return (dev & 0xffn) | ((dev >> 12n) & ~0xffn & 0xffffffffn)
}

function hex(number: bigint): string {
  return number.toString(16).padStart(2, '0')
}
