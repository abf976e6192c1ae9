import { rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { throwIfAborted } from '../abort.js'
import { DuckfleetError, systemCode } from '../errors.js'
import { copyToNew, digestOf, flush } from './copy.js'
import { commitNew, linked } from './efs-publish.js'
import { assertUnchanged, statWals } from './local-file.js'
import type { StoredFile } from './port.js'
import { tempName } from './temp-file.js'
import { refuseWriters } from './writers.js'

const quiet = (): void => undefined

/** Keeps `file` and its WALs as `backup` (+ WAL suffix), durably; see `Store.backup`. */
export async function backupFile(
  file: string,
  backup: string,
  before: StoredFile,
  signal: AbortSignal,
): Promise<void> {
  await refuseInterrupted(file, backup, before)
  // Here too: the backup is another name of the file, and whoever writes to it writes to both.
  await refuseWriters(file)
  for (const suffix of [...before.wals.map((wal) => wal.suffix), '']) {
    throwIfAborted(signal)
    await keep(file + suffix, backup + suffix, signal)
    await flush(backup + suffix, 'file')
  }
  await flush(path.dirname(backup), 'folder')
  await assertUnchanged(file, before)
}

/** A WAL in the backup alone: a replacement stopped half-way, so the source lacks rows that only the backup has. */
async function refuseInterrupted(file: string, backup: string, before: StoredFile): Promise<void> {
  const had = new Set<string>(before.wals.map((wal) => wal.suffix))
  const lost = (await statWals(backup)).find((wal) => !had.has(wal.suffix))
  if (lost === undefined) return
  throw new DuckfleetError(
    'usage',
    `${backup}${lost.suffix} holds rows that ${file} lacks: an earlier replacement of this file was cut short, or ` +
      `the backup is of another time; restore ${file} from ${backup} and its WAL, or move them away, then run again`,
  )
}

async function keep(from: string, to: string, signal: AbortSignal): Promise<void> {
  try {
    if (await linked(from, to)) return
    const temp = tempName(path.dirname(to))
    try {
      await copyToNew(from, temp, quiet, signal)
      await commitNew(temp, to)
    } finally {
      await rm(temp, { force: true })
    }
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
    if (await sameBytes(from, to, signal)) return
    throw new DuckfleetError(
      'usage',
      `${to} exists and holds other bytes than ${from}; move that older backup away, then run again`,
    )
  }
}

async function sameBytes(a: string, b: string, signal: AbortSignal): Promise<boolean> {
  const [first, second] = [await stat(a), await stat(b)]
  if (first.dev === second.dev && first.ino === second.ino) return true
  if (first.size !== second.size) return false
  return (await digestOf(a, quiet, signal)) === (await digestOf(b, quiet, signal))
}
