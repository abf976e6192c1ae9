import { randomUUID } from 'node:crypto'
import { lstat, readdir, rm } from 'node:fs/promises'
import path from 'node:path'

/** Unfinished files: hidden, unique, and nobody else's. The writer of one touches it all the time. */
const TEMP_NAME = /^\.duckfleet-[0-9a-f-]{36}\.tmp$/
/** A file being written is never this old: its mtime moves with every chunk. */
const STALE_AFTER_MS = 24 * 3600 * 1000

export function tempName(folder: string): string {
  return path.join(folder, `.duckfleet-${randomUUID()}.tmp`)
}

export function isTempName(name: string): boolean {
  return TEMP_NAME.test(name)
}

/** Removes unfinished files that runs left which died more than a day ago. What cannot be removed stays. */
export async function removeStaleTemps(folder: string, now: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!isTempName(name)) continue
    const file = path.join(folder, name)
    const info = await lstat(file).catch(() => undefined)
    if (info?.isFile() === true && now - info.mtimeMs > STALE_AFTER_MS) {
      await rm(file, { force: true }).catch(() => undefined)
    }
  }
}
