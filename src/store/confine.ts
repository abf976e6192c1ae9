import { lstat, realpath } from 'node:fs/promises'
import path from 'node:path'
import { DuckfleetError, systemCode } from '../errors.js'
import { isInside } from '../folders.js'

/**
 * Turns a key into the real path below `root` (a real path itself). Symbolic links are followed, so that what is
 * read or replaced is the file itself, and refused when they lead out. The last parts need not exist.
 *
 * Throws a DuckfleetError `usage` for a key that leaves the root.
 */
export async function confine(root: string, key: string): Promise<string> {
  const parts = safeParts(key)
  if (parts === undefined) throw leaves(root, key)
  let real = root
  for (const [index, part] of parts.entries()) {
    const next = await realOrMissing(path.join(real, part))
    if (next === undefined) return path.join(real, ...parts.slice(index))
    if (!isInside(root, next)) throw leaves(root, key)
    real = next
  }
  return real
}

function safeParts(key: string): readonly string[] | undefined {
  if (key === '' || key.includes('\0') || path.isAbsolute(key) || key.startsWith('/')) return undefined
  const parts = key.split(path.sep === '\\' ? /[/\\]/ : '/').filter((part) => part !== '' && part !== '.')
  const drive = path.sep === '\\' && parts.some((part) => part.includes(':'))
  return drive || parts.length === 0 || parts.includes('..') ? undefined : parts
}

/** Undefined when nothing has this name. A link to nothing is refused: following it could create a file anywhere. */
async function realOrMissing(file: string): Promise<string | undefined> {
  try {
    return await realpath(file)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
  try {
    // Anything else was made in between, such as a folder by another worker.
    if (!(await lstat(file)).isSymbolicLink()) return await realOrMissing(file)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  throw new DuckfleetError('usage', `${file} is a symbolic link to nothing; repair or remove it`)
}

function leaves(root: string, key: string): DuckfleetError {
  return new DuckfleetError(
    'usage',
    `the key ${JSON.stringify(key)} leaves its root ${root}; nothing was read or written`,
  )
}
