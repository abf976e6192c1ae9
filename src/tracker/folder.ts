import type { Dirent } from 'node:fs'
import { opendir } from 'node:fs/promises'
import path from 'node:path'
import { throwIfAborted } from '../abort.js'
import { DuckfleetError } from '../errors.js'
import { matches } from './match.js'
import type { Tracker, TrackerSource } from './port.js'

/**
 * Trackers from folders: every `{site}/{tracker}` below `root`, in the order in which the file system gives them. Symbolic
 * links are not followed.
 */
export function createFolderTrackers(root: string): TrackerSource {
  return {
    async *trackers(filter, signal): AsyncGenerator<Tracker> {
      for await (const site of folders(root, signal)) {
        if (filter.sites.length > 0 && !filter.sites.includes(site)) continue
        for await (const id of folders(path.join(root, site), signal)) {
          if (matches({ id, site }, filter)) yield { id, site }
        }
      }
      throwIfAborted(signal)
    },
    close: () => Promise.resolve(),
  }
}

async function* folders(parent: string, signal: AbortSignal): AsyncGenerator<string> {
  throwIfAborted(signal)
  try {
    for await (const entry of await opendir(parent)) {
      throwIfAborted(signal)
      if (isFolder(entry)) yield entry.name
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

function isFolder(entry: Dirent): boolean {
  return entry.isDirectory() && !entry.name.startsWith('.')
}
