import { statfs } from 'node:fs/promises'
import { DuckfleetError } from '../errors.js'
import type { Action } from './examine.js'

/** Room for an empty target file, spilled pages and the file system's own needs. */
const SLACK = 64 * 1024 * 1024

/** Bytes that a job needs on the work disk at once: source, intermediate and target, or the source alone. */
export function spaceNeeded(action: Action, bytesIn: number): number {
  return SLACK + bytesIn * (action === 'copy' ? 1 : 3)
}

/** Rejects with `no-space` when the disk of `folder` has less than `needed` bytes free. */
export async function assertSpace(folder: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (free >= needed) return
  throw new DuckfleetError(
    'no-space',
    `not enough space in ${folder}: ${megabytes(needed)} needed, ${megabytes(free)} free; ` +
      'free some, or point WORK_DIR at a bigger disk',
  )
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`
}
