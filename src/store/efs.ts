import type { Dirent } from 'node:fs'
import { access, open, opendir, readdir, realpath, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { throwIfAborted } from '../abort.js'
import { DuckfleetError, systemCode } from '../errors.js'
import { isInside } from '../folders.js'
import { confine } from './confine.js'
import { copyToNew } from './copy.js'
import { backupFile } from './efs-backup.js'
import { makeFolder, publishFile } from './efs-publish.js'
import { guarded } from './fs-errors.js'
import { assertUnchanged, statDatabase, versionText } from './local-file.js'
import type { ListedFile, OnBytes, Published, PublishOptions, Store, StoredFile } from './port.js'
import { isTempName, removeStaleTemps } from './temp-file.js'

export interface EfsOptions {
  /**
   * The root is where a file system is mounted, and is never made: what is written into the folder that is left where
   * the mount is missing would be lost with the machine. While it is missing, every operation is `transient`.
   */
  readonly mounted?: boolean
  /** Files of others are in there: while there is nothing at all, the mount is missing where it should cover the folder. */
  readonly filled?: boolean
}

/**
 * A store in a folder of a mounted file system. The folder is made when something is published and it is not
 * there, unless it is `mounted`. Locking follows from the port: a name appears complete, exclusively or by replacement.
 */
export function createEfsStore(root: string, { mounted = false, filled = false }: EfsOptions = {}): Store {
  const absolute = path.resolve(root)
  const tidied = new Set<string>()
  const assertMounted = mounted ? mountCheck(absolute, filled) : (): Promise<void> => Promise.resolve()

  const find = async (key: string): Promise<string> => {
    await assertMounted()
    return await confine(await realRoot(absolute), key)
  }
  const describe = (key: string): string => path.join(absolute, key)
  /** Every operation: abortable, its errors told with the file's name. */
  const on = async <T>(
    action: string,
    key: string,
    signal: AbortSignal,
    run: (file: string) => Promise<T>,
  ): Promise<T> =>
    await guarded(action, describe(key), async () => {
      throwIfAborted(signal)
      return await run(await find(key))
    })

  return {
    atOnce: 0,
    describe,
    stat: (key, signal) => on('read', key, signal, statDatabase),
    assertUnchanged: (key, file, signal) => on('read', key, signal, (found) => assertUnchanged(found, file)),
    readHead: (key, file, length, signal) => on('read', key, signal, (found) => head(found, file, length)),
    download: (key, file, toPath, { onBytes }, signal) =>
      on('copy', key, signal, (found) =>
        download(found, file, toPath, onBytes ?? ((): void => undefined), signal),
      ),
    publish: (fromPath, key, options, signal) =>
      guarded('write', describe(key), async () => {
        await assertMounted()
        return await publish(absolute, fromPath, key, options, tidied, signal)
      }),
    backup: (key, file, suffix, signal) =>
      on('back up', key, signal, async (found) => {
        await backupFile(found, found + suffix, file, signal)
        return key + suffix
      }),
    list: (prefix, signal) => list(absolute, prefix, signal),
  }
}

/** Rejects with `transient` when the folder is missing, is empty at first, or lies on another file system than at first. */
function mountCheck(root: string, filled: boolean): () => Promise<void> {
  let device: number | undefined
  const missing = (what: string): DuckfleetError =>
    new DuckfleetError(
      'transient',
      `${root} is ${what}: its file system is not mounted, or MIGRATE_SRC or MIGRATE_DST is wrong`,
    )
  return async () => {
    const info = await stat(root).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    })
    if (info?.isDirectory() !== true || (device !== undefined && info.dev !== device))
      throw missing('not there')
    if (filled && device === undefined && (await isEmpty(root))) throw missing('empty')
    device = info.dev
  }
}

async function isEmpty(folder: string): Promise<boolean> {
  const entries = await opendir(folder)
  try {
    return (await entries.read()) === null
  } finally {
    await entries.close()
  }
}

/** A root that is not there yet is nothing that a key could leave. */
async function realRoot(root: string): Promise<string> {
  return await realpath(root).catch(() => root)
}

async function head(file: string, before: StoredFile, length: number): Promise<Uint8Array> {
  const handle = await open(file, 'r')
  try {
    const buffer = new Uint8Array(Math.min(length, before.size))
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0)
    await assertUnchanged(file, before)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

async function download(
  from: string,
  before: StoredFile,
  to: string,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<void> {
  await assertUnchanged(from, before)
  const suffixes = ['', ...before.wals.map((wal) => wal.suffix)]
  try {
    for (const suffix of suffixes) await copyToNew(from + suffix, to + suffix, onBytes, signal)
    await assertUnchanged(from, before)
  } catch (error) {
    for (const suffix of suffixes) await rm(to + suffix, { force: true })
    // A WAL that is gone was taken into its database meanwhile: that has changed, and nothing is wrong with it.
    if (systemCode(error) === 'ENOENT') await assertUnchanged(from, before)
    throw error
  }
}

async function publish(
  root: string,
  fromPath: string,
  key: string,
  options: PublishOptions,
  tidied: Set<string>,
  signal: AbortSignal,
): Promise<Published> {
  throwIfAborted(signal)
  await confine(await realRoot(root), key)
  await makeFolder(root)
  const target = await confine(await realRoot(root), key)
  const folder = path.dirname(target)
  await makeFolder(folder)
  if (!tidied.has(folder)) {
    tidied.add(folder)
    await removeStaleTemps(folder, Date.now())
  }
  return await publishFile(fromPath, target, options, signal)
}

async function* list(root: string, prefix: string, signal: AbortSignal): AsyncGenerator<ListedFile> {
  const folders = prefix.split('/').slice(0, -1).join('/')
  const start = await guarded('list', root, async () => {
    const real = await realpath(root)
    return folders === '' ? real : await confine(real, folders)
  })
  if (!(await isThere(start))) return
  for await (const file of walk(start, start, folders === '' ? '' : `${folders}/`, signal)) {
    if (file.key.startsWith(prefix)) yield file
  }
}

/** False for what is missing. Anything else is there, or whoever opens it gets told what is wrong. */
async function isThere(folder: string): Promise<boolean> {
  return await access(folder).then(
    () => true,
    (error: unknown) => !['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? ''),
  )
}

/** The files in `folder`, which is `start` or below it. */
async function* walk(
  start: string,
  folder: string,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<ListedFile> {
  throwIfAborted(signal)
  const entries = await guarded('list', folder, async () => await readdir(folder, { withFileTypes: true }))
  for (const entry of entries.sort(byName)) {
    const key = prefix + entry.name
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) {
      yield* walk(start, file, `${key}/`, signal)
    } else if (!isTempName(entry.name)) {
      // A link to nothing and a pipe are listed too: whoever reads them gets told, instead of missing a file.
      const info = await stat(file, { bigint: true }).catch(() => undefined)
      if (info === undefined) yield { key, size: 0, version: '' }
      else if (!info.isDirectory()) yield { key, size: Number(info.size), version: versionText(info) }
      else if (!isInside(start, await realpath(file).catch(() => file)))
        yield { key, size: 0, version: '', unfollowed: true }
    }
  }
}

function byName(a: Dirent, b: Dirent): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}
