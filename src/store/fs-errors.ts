import { DuckfleetError, systemCode } from '../errors.js'

/** Errors of a disk or network file system that may be gone on the next try. */
const TRANSIENT: Readonly<Record<string, string>> = {
  EIO: 'the disk or the network file system reported an I/O error; check it and try again',
  ESTALE: 'the network file system lost the file; check the mount and try again',
  ETIMEDOUT: 'the network file system did not answer; check the mount and try again',
  EBUSY: 'it is in use; try again when it is free',
  EAGAIN: 'it is in use; try again when it is free',
  EMFILE: 'this process has too many files open; use fewer jobs',
  ENFILE: 'this machine has too many files open; use fewer jobs',
  EHOSTDOWN: 'the file server is down; check the mount and try again',
  ENOTCONN: 'the file server is not connected; check the mount and try again',
}

const NO_SPACE: Readonly<Record<string, string>> = {
  ENOSPC: 'there is no space left; free some, or use a bigger disk',
  EDQUOT: 'the disk quota is used up; raise it or free some space',
}

const USAGE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder; check the path',
  EROFS:
    'it is on a file system that is mounted read-only; mount it for writing or choose another destination',
  EACCES: 'permission denied; check its owner and mode, and the user that runs duckfleet',
  EPERM: 'the system does not permit it; check owner, mode and attributes',
  EISDIR: 'it is a folder where a file is expected',
  ENOTDIR: 'a part of the path is a file where a folder is expected',
  ENAMETOOLONG: 'the name is too long for this file system; choose a shorter one',
  ELOOP: 'its symbolic links go round in a circle; repair them',
  EEXIST: 'it exists already; allow overwriting, or choose another destination',
}

/** A failed file operation as a sentence: `cannot <action> <path>: <why and what to do>`. */
export function fileError(error: unknown, action: string, path: string): DuckfleetError {
  if (error instanceof DuckfleetError) return error
  const code = systemCode(error)
  if (code === 'ABORT_ERR') return new DuckfleetError('aborted', 'stopped on request', { cause: error })
  const full = code === undefined ? undefined : NO_SPACE[code]
  if (full !== undefined)
    return new DuckfleetError('no-space', `cannot ${action} ${path}: ${full}`, { cause: error })
  const transient = code === undefined ? undefined : TRANSIENT[code]
  if (transient !== undefined) {
    return new DuckfleetError('transient', `cannot ${action} ${path}: ${transient}`, { cause: error })
  }
  const known = code === undefined ? undefined : USAGE[code]
  const why = known ?? (error instanceof Error ? error.message : String(error))
  return new DuckfleetError('usage', `cannot ${action} ${path}: ${why}`, { cause: error })
}

/** Runs a file operation; whatever it throws comes out as a {@link fileError}. */
export async function guarded<T>(action: string, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw fileError(error, action, path)
  }
}
