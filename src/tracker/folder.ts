import type { Dirent } from 'node:fs'
import { opendir, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { throwIfAborted } from '../abort.js'
import { DuckfleetError } from '../errors.js'
import { isInside } from '../folders.js'
import { matches } from './match.js'
import type { Tracker, TrackerSource } from './port.js'

/**
 * Trackers from folders: every `{site}/{tracker}` below `root`, in the order in which the file system gives them. Symbolic
 * links are not followed, unless they lead out of `root`: no store reads what is there, and whoever asks it to is told.
 */
export function createFolderTrackers(root: string): TrackerSource {
  return {
    async *trackers(filter, signal): AsyncGenerator<Tracker> {
      const real = await realpath(root).catch(() => root)
      for await (const site of folders(real, root, signal)) {
        if (filter.sites.length > 0 && !filter.sites.includes(site)) continue
        for await (const id of folders(real, path.join(root, site), signal)) {
          if (matches({ id, site }, filter)) yield { id, site }
        }
      }
      throwIfAborted(signal)
    },
    close: () => Promise.resolve(),
  }
}

async function* folders(root: string, parent: string, signal: AbortSignal): AsyncGenerator<string> {
  throwIfAborted(signal)
  try {
    for await (const entry of await opendir(parent)) {
      throwIfAborted(signal)
      if (entry.name.startsWith('.')) continue
      if (entry.isDirectory() || (await leadsOut(root, parent, entry))) yield entry.name
    }
  } catch (error) {
    if (error instanceof DuckfleetError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new DuckfleetError(
      'usage',
      `cannot list the folders of trackers in ${parent} (MIGRATE_SRC): ${why}`,
      {
        cause: error,
      },
    )
  }
}

async function leadsOut(root: string, parent: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return false
  const link = path.join(parent, entry.name)
  const info = await stat(link).catch(() => undefined)
  if (info?.isDirectory() !== true) return false
  return !isInside(root, await realpath(link))
}
