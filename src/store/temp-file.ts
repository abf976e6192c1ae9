import { createHash, randomUUID } from 'node:crypto'
import { lstat, readdir, rm } from 'node:fs/promises'
import path from 'node:path'

/** Unfinished files: hidden, unique, and nobody else's. The writer of one touches it all the time. */
const TEMP_NAME = /^\.duckfleet-(?:[0-9a-f]{16}-)?[0-9a-f-]{36}\.tmp$/
/** A file being written is never this old: its mtime moves with every chunk. */
const STALE_AFTER_MS = 24 * 3600 * 1000

export function tempName(folder: string): string {
  return path.join(folder, `.duckfleet-${randomUUID()}.tmp`)
}

/** The same, and told from those of other files: what a killed run left goes when its file is written again. */
export function tempNameFor(target: string): string {
  return path.join(path.dirname(target), tempBaseFor(target))
}

/** The name alone, without its folder. */
export function tempBaseFor(target: string): string {
  return `${tempPrefixFor(target)}${randomUUID()}.tmp`
}

/**
 * Removes unfinished files that were to become `target`, whatever their age: a message is worked on by one worker, and
 * one that lives on without knowing that its message was given to another finds its file gone, and publishes nothing.
 */
export async function removeTempsFor(target: string): Promise<void> {
  const folder = path.dirname(target)
  for (const name of await readdir(folder))
    if (isTempName(name) && name.startsWith(tempPrefixFor(target)))
      await rm(path.join(folder, name), { force: true })
}

/** What the names of all unfinished files of `target` begin with, and no others. */
export function tempPrefixFor(target: string): string {
  return `.duckfleet-${createHash('sha256').update(path.basename(target)).digest('hex').slice(0, 16)}-`
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
