import type { Stats } from 'node:fs'
import { chmod, chown, link, open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { throwIfAborted } from '../abort.js'
import { DuckfleetError, systemCode } from '../errors.js'
import { makeFolders } from '../folders.js'
import { copyWithDigest, digestOf, flush } from './copy.js'
import { fileError } from './fs-errors.js'
import { assertUnchanged, statWals } from './local-file.js'
import type { PublishOptions, Published } from './port.js'
import { removeTempsFor, tempName, tempNameFor } from './temp-file.js'
import { refuseWriters } from './writers.js'

/** Answers of file systems that know no hard links, or none between these two places. */
const NO_LINK = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL'])

/** Puts the finished file `from` at `target` in one step; see `Store.publish`. `target` is inside its root already. */
export async function publishFile(
  from: string,
  target: string,
  options: PublishOptions,
  signal: AbortSignal,
): Promise<Published> {
  throwIfAborted(signal)
  await refuseObstacles(target, options)
  await removeTempsFor(target)
  const temp = tempNameFor(target)
  try {
    const digest = await place(from, temp, options, signal)
    await keepOwnership(target, temp)
    await flush(temp, 'file')
    const { size } = await stat(temp)
    throwIfAborted(signal)
    await options.lastLook?.()
    await refuseObstacles(target, options)
    await commit(temp, target, options)
    return { digest, bytes: size }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' || (await exists(temp))) throw error
    throw new DuckfleetError(
      'transient',
      `${target} is being written by another worker, which took over; nothing was published here`,
      { cause: error },
    )
  } finally {
    await rm(temp, { force: true })
    await flush(path.dirname(target), 'folder')
  }
}

/** Makes the folder and those above it, durably. */
export async function makeFolder(folder: string): Promise<void> {
  for (const made of [...(await makeFolders(folder))].reverse()) await flush(path.dirname(made), 'folder')
}

/** Gives `temp` the name `target`, unless there is one already: then rejects with EEXIST. */
export async function commitNew(temp: string, target: string): Promise<void> {
  if (await linked(temp, target)) {
    await rm(temp, { force: true })
    return
  }
  // Without hard links, an empty file claims the name: it may be left by a crash, but nobody's file is ever lost.
  await (await open(target, 'wx')).close()
  try {
    await renameOnce(temp, target)
  } catch (error) {
    const claim = await stat(target).catch(() => undefined)
    if (claim?.size === 0) await rm(target, { force: true })
    throw error
  }
}

/** True when `to` is now another name of `from`; false where the file system cannot do that. */
export async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (NO_LINK.has(systemCode(error) ?? '')) return false
    if (systemCode(error) === 'EEXIST' && (await isFile(to, await stat(from)))) return true
    throw error
  }
}

/**
 * Network file systems send a request again whose answer was lost, and the second one fails because of the first: there is
 * no `from` any more. Taken for a failure, the old WALs would be put back beside the new file, or one of them be lost.
 */
async function renameOnce(from: string, to: string): Promise<void> {
  const file = await stat(from)
  try {
    await rename(from, to)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' || !(await isFile(to, file))) throw error
  }
}

async function isFile(name: string, { dev, ino }: Stats): Promise<boolean> {
  const found = await stat(name).catch(() => undefined)
  return found?.dev === dev && found.ino === ino
}

async function refuseObstacles(target: string, options: PublishOptions): Promise<void> {
  if (options.replaces !== undefined) {
    await assertUnchanged(target, options.replaces)
    await refuseWriters(target)
    return
  }
  const [wal] = await statWals(target)
  if (wal !== undefined) {
    throw new DuckfleetError(
      'usage',
      `${target}${wal.suffix} lies at the destination, and DuckDB would replay it into the new file; close what has ` +
        'that database open, or move the WAL away, then run again',
    )
  }
  if (await exists(target)) throw alreadyThere(target)
}

async function place(
  from: string,
  temp: string,
  options: PublishOptions,
  signal: AbortSignal,
): Promise<string> {
  const onBytes = options.onBytes ?? ((): void => undefined)
  if (await linked(from, temp)) return await digestOf(temp, onBytes, signal)
  return await copyWithDigest(from, temp, onBytes, signal)
}

/** A file that takes another's place takes its mode and, where permitted, its owner. */
async function keepOwnership(target: string, temp: string): Promise<void> {
  const old = await stat(target).catch(() => undefined)
  if (old === undefined) return
  await chown(temp, old.uid, old.gid).catch(() => undefined)
  await chmod(temp, old.mode & 0o777)
}

async function commit(temp: string, target: string, options: PublishOptions): Promise<void> {
  if (options.replaces !== undefined) {
    await replaceWithWals(
      temp,
      target,
      options.replaces.wals.map((wal) => target + wal.suffix),
    )
  } else {
    await commitNew(temp, target).catch((error: unknown) => {
      throw systemCode(error) === 'EEXIST' ? alreadyThere(target) : error
    })
  }
}

/**
 * The WALs go first: an old file without its WAL can be told (the backup has one), a new file with the old WAL
 * would get its rows twice.
 */
async function replaceWithWals(temp: string, target: string, wals: readonly string[]): Promise<void> {
  const aside: AsideWal[] = []
  try {
    for (const wal of wals) {
      const kept = tempName(path.dirname(target))
      await renameOnce(wal, kept)
      aside.push({ wal, kept })
    }
    await renameOnce(temp, target)
  } catch (error) {
    await putBack(aside, target, error)
    throw error
  }
  for (const { kept } of aside) await rm(kept, { force: true })
}

interface AsideWal {
  readonly wal: string
  readonly kept: string
}

/** Every WAL that can be, whatever becomes of the others: their temporary names are removed a day later. */
async function putBack(aside: readonly AsideWal[], target: string, cause: unknown): Promise<void> {
  const left: string[] = []
  for (const { wal, kept } of aside) {
    await renameOnce(kept, wal).catch((error: unknown) => {
      left.push(`rename ${kept} to ${wal} (${fileError(error, 'rename', kept).message})`)
    })
  }
  if (left.length === 0) return
  throw new DuckfleetError(
    'usage',
    `${fileError(cause, 'replace', target).message}; its WAL could not be put back either, and without it ${target} ` +
      `lacks rows: within a day, before temporary files are removed, ${left.join(', and ')}`,
    { cause },
  )
}

async function exists(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return false
      throw error
    },
  )
}

function alreadyThere(target: string): DuckfleetError {
  return new DuckfleetError(
    'usage',
    `${target} exists already; allow overwriting, or choose another destination`,
  )
}
