import { createHash, randomBytes } from 'node:crypto'
import { lstat, mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { DuckfleetError } from '../errors.js'
import { makeFolders } from '../folders.js'
import { isAbandoned, showLife } from './sign-of-life.js'

const RUN_NAME = /^duckfleet-\d+-([0-9a-f]{8})[0-9a-f]{8}$/
const PRIVATE = 0o700

/**
 * Makes the private folder of this process, `duckfleet-<pid>-<host and random>`, under `workDir`, and first
 * removes those that dead processes of this host and user left. Gives its real path: engine processes are
 * confined by real paths. Throws a DuckfleetError `usage` when the folder cannot be made.
 */
export async function createRunFolder(workDir: string): Promise<string> {
  try {
    await makeFolders(path.resolve(workDir))
    const parent = await realpath(workDir)
    await removeDeadRuns(parent)
    const folder = path.join(
      parent,
      `duckfleet-${process.pid}-${hostMark()}${randomBytes(4).toString('hex')}`,
    )
    await mkdir(folder, { mode: PRIVATE })
    await showLife(folder)
    return folder
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new DuckfleetError('usage', `cannot make a work folder in ${workDir} (WORK_DIR): ${why}`, {
      cause: error,
    })
  }
}

/** The fixed folder of worker number `slot` (0, 1, …): its engine processes reach nothing outside it. */
export async function createSlotFolder(runFolder: string, slot: number): Promise<string> {
  const folder = path.join(runFolder, `slot-${slot}`)
  await mkdir(folder, { mode: PRIVATE })
  return folder
}

/** Makes the worker's folder again when it is gone: while no message comes, cleaners of temporary files may take it. */
export async function keepSlotFolder(slotFolder: string): Promise<void> {
  await mkdir(slotFolder, { recursive: true, mode: PRIVATE })
}

/** A folder for one job, inside the worker's; mkdtemp gives it mode 0700. */
export async function createJobFolder(slotFolder: string): Promise<string> {
  return await mkdtemp(path.join(slotFolder, 'job-'))
}

/** Bytes: what Linux permits, less what DuckDB appends (`.wal.checkpoint`). Keys in buckets have up to 1024. */
const MAX_NAME = 240

/**
 * The name for a copy of a file: its own, because 0.7 and 0.8 write it into macros, which break in a file of another
 * name. Only names of DuckDB's own cannot be had, and those that are too long for a disk.
 */
export function workName(key: string): string {
  const name = path.basename(key)
  if (Buffer.byteLength(name) > MAX_NAME) return 'database.duckdb'
  return /^(temp|system|main)(\.|$)/i.test(name) ? `database-${name}` : name
}

/** Removes a work folder with all that is in it; one that is gone is fine. */
export async function removeFolder(folder: string): Promise<void> {
  // An engine that was just killed may still be writing its last file.
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
}

async function removeDeadRuns(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const [, host] = RUN_NAME.exec(name) ?? []
    // On a network file system, the processes of other machines cannot be heard.
    if (host !== hostMark()) continue
    const folder = path.join(parent, name)
    const info = await lstat(folder).catch(() => undefined)
    const mine =
      info?.isDirectory() === true && (process.getuid === undefined || info.uid === process.getuid())
    if (mine && (await isAbandoned(folder))) await removeFolder(folder).catch(() => undefined)
  }
}

function hostMark(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
}
