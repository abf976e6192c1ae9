import { mkdir, stat } from 'node:fs/promises'
import path from 'node:path'

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
    if (codeOf(error) === 'EEXIST' && (await isFolder(folder))) return above
    throw error
  }
  return [...above, folder]
}

async function isFolder(name: string): Promise<boolean> {
  try {
    return (await stat(name)).isDirectory()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
