import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { DuckfleetError, systemCode } from '../errors.js'
import { WAL_SUFFIXES } from '../migration/file/wal.js'
import { sameVersion } from './port.js'
import type { Found, StoredFile, StoredWal } from './port.js'

/** A database on a mounted disk with its WALs, as it is now. */
export async function statDatabase(file: string): Promise<Found> {
  const main = await versionOf(file)
  const wals = await statWals(file)
  return { file: main === undefined ? undefined : { ...main, wals }, wals }
}

/** The WALs with content beside `file`, in the order of {@link WAL_SUFFIXES}. */
export async function statWals(file: string): Promise<readonly StoredWal[]> {
  const wals: StoredWal[] = []
  for (const suffix of WAL_SUFFIXES) {
    const wal = await versionOf(file + suffix)
    if (wal !== undefined && wal.size > 0) wals.push({ suffix, size: wal.size, version: wal.version })
  }
  return wals
}

/** Rejects with `transient` when the file or one of its WALs is not the version that was looked at before. */
export async function assertUnchanged(file: string, before: StoredFile): Promise<void> {
  const { file: now } = await statDatabase(file)
  if (now !== undefined && sameVersion(now, before)) return
  throw new DuckfleetError('transient', `${file} changed meanwhile; stop what writes to it, and try again`)
}

async function versionOf(file: string): Promise<Omit<StoredFile, 'wals'> | undefined> {
  try {
    const info = await stat(file, { bigint: true })
    if (!info.isFile())
      throw new DuckfleetError('usage', `${file} is not a regular file; give a database file`)
    return {
      size: Number(info.size),
      version: versionText(info),
      identity: `${info.dev}:${info.ino}`,
      // Copying and moving keep the time of the content, but not that of the inode.
      writtenAt: Number(info.mtimeMs > info.ctimeMs ? info.mtimeMs : info.ctimeMs),
    }
  } catch (error) {
    // A WAL whose name would be too long is not there either, beside a file whose own name is not.
    if (['ENOENT', 'ENAMETOOLONG'].includes(systemCode(error) ?? '')) return undefined
    throw error
  }
}

/** Changes with the content of a file, as far as its file system tells. */
export function versionText({ size, mtimeNs, ino }: BigIntStats): string {
  return `${size}-${mtimeNs}-${ino}`
}
