import { mkdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { systemCode } from './errors.js'

/**
 * Makes an absolute folder and those above it; gives the ones that were missing, the outermost first. Rejects with what
 * the system says: Node's own `recursive` tells most errors, such as those of a file system that is mounted read-only, is
 * over its quota or has lost its server, as ENOENT.
 */
export async function makeFolders(folder: string): Promise<readonly string[]> {
  if (await isFolder(folder)) return []
  const above = await makeFolders(path.dirname(folder))
  try {
    await mkdir(folder)
  } catch (error) {
    // Somebody else was quicker.
    if (systemCode(error) === 'EEXIST' && (await isFolder(folder))) return above
    throw error
  }
  return [...above, folder]
}

async function isFolder(name: string): Promise<boolean> {
  try {
    return (await stat(name)).isDirectory()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}

/** True when `candidate` is `folder` or lies below it. Both absolute. */
export function isInside(folder: string, candidate: string): boolean {
  const relative = path.relative(folder, candidate)
  return (
    relative === '' ||
    (!relative.startsWith(`..${path.sep}`) && relative !== '..' && !path.isAbsolute(relative))
  )
}
