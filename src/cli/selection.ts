import { realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { DuckfleetError } from '../errors.js'
import type { Places } from '../fleet/examine.js'
import type { Location } from '../fleet/route.js'
import { isInside } from '../folders.js'
import { createEfsStore } from '../store/efs.js'
import type { ListedFile, Store } from '../store/port.js'

/** Which files to upgrade, and where each of them goes. */
export interface Selection {
  /** By key, as they were found. */
  readonly files: readonly ListedFile[]
  /** Sentences about what lies in SOURCE and is not among the files. */
  readonly leftOut: readonly string[]
  /** How a file is called on the screen: its key. Takes the `source` of a report. */
  readonly nameOf: (source: string) => string
  readonly places: (source: Location, destination: Location) => Places
}

const SUFFIX = '.duckdb'

/**
 * Finds the files. SOURCE is a file of any name, or a folder whose `*.duckdb` are taken, at any depth; DEST a file, or a folder
 * when SOURCE is one, when it ends in a slash or when it is there. Undefined: in place.
 *
 * Throws a DuckfleetError `usage` for what makes no sense: nothing found, or folders inside each other, where one
 * file's destination could be another's source.
 */
export async function selectFiles(
  source: string,
  dest: string | undefined,
  signal: AbortSignal,
): Promise<Selection> {
  const kind = await kindOf(source)
  if (kind === undefined)
    throw new DuckfleetError('usage', `there is no file or folder ${source}; check the path`)
  return kind === 'folder' ? await selectFolder(source, dest, signal) : await selectFile(source, dest, signal)
}

async function selectFolder(
  source: string,
  dest: string | undefined,
  signal: AbortSignal,
): Promise<Selection> {
  if (dest !== undefined) await refuseOverlap(source, dest)
  const from = createEfsStore(source)
  const files: ListedFile[] = []
  const leftOut: string[] = []
  for await (const file of from.list('', signal)) {
    if (file.unfollowed === true)
      leftOut.push(
        `${from.describe(file.key)} is a symbolic link to a folder elsewhere, and is not followed: nothing in it is ` +
          'upgraded; upgrade that folder by itself',
      )
    else if (file.key.endsWith(SUFFIX)) files.push(file)
  }
  if (files.length === 0)
    throw new DuckfleetError('usage', `there are no *${SUFFIX} files in ${source}; check the path`)
  const to = dest === undefined ? from : createEfsStore(dest)
  return { ...selection(files, from, to, (key) => key), leftOut }
}

async function selectFile(source: string, dest: string | undefined, signal: AbortSignal): Promise<Selection> {
  const from = createEfsStore(path.dirname(path.resolve(source)))
  const key = path.basename(path.resolve(source))
  const { file: found } = await from.stat(key, signal)
  const files = [{ key, size: found?.size ?? 0, version: found?.version ?? '' }]
  if (dest === undefined) return selection(files, from, from, () => key)
  if (/[/\\]$/.test(dest) || (await kindOf(dest)) === 'folder') {
    return selection(files, from, createEfsStore(dest), () => key)
  }
  const absolute = path.resolve(dest)
  return selection(files, from, createEfsStore(path.dirname(absolute)), () => path.basename(absolute))
}

function selection(
  files: readonly ListedFile[],
  from: Store,
  to: Store,
  rename: (key: string) => string,
): Selection {
  const names = new Map(files.map(({ key }) => [from.describe(key), key]))
  return {
    files,
    leftOut: [],
    nameOf: (source) => names.get(source) ?? source,
    places: (source, destination) => ({
      source: { store: from, key: source.key },
      destination: { store: to, key: rename(destination.key) },
    }),
  }
}

async function refuseOverlap(source: string, dest: string): Promise<void> {
  if ((await kindOf(dest)) === 'file') {
    throw new DuckfleetError(
      'usage',
      `${dest} is a file, but ${source} is a folder; give a folder to write to`,
    )
  }
  const [from, to] = [await realpath(source), await realOrFuture(path.resolve(dest))]
  if (from === to) {
    throw new DuckfleetError(
      'usage',
      `${dest} is the source itself, which is never written; choose another folder, or leave it out and use --in-place`,
    )
  }
  if (isInside(from, to) || isInside(to, from)) {
    throw new DuckfleetError(
      'usage',
      `one of ${source} and ${dest} lies inside the other, so sources and results would mix; choose a folder beside it`,
    )
  }
}

/** The real path that a folder which may not be there yet will have. */
async function realOrFuture(folder: string): Promise<string> {
  const real = await realpath(folder).catch(() => undefined)
  if (real !== undefined) return real
  const parent = path.dirname(folder)
  return parent === folder ? folder : path.join(await realOrFuture(parent), path.basename(folder))
}

async function kindOf(file: string): Promise<'file' | 'folder' | undefined> {
  const info = await stat(file).catch(() => undefined)
  if (info === undefined) return undefined
  return info.isDirectory() ? 'folder' : 'file'
}
