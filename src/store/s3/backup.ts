import { createHash } from 'node:crypto'
import { DuckfleetError } from '../../errors.js'
import type { StoredFile } from '../port.js'
import type { Bucket } from './bucket.js'
import { address } from './bucket.js'
import { copyObject } from './copy.js'
import { statusOf } from './errors.js'
import { getRange } from './range.js'
import type { ObjectVersion } from './range.js'
import { assertUnchanged, headObject, statWals } from './stat.js'

/** Keeps an object and its WALs as `backup` (+ WAL suffix); see `Store.backup`. The server copies. */
export async function backup(
  bucket: Bucket,
  key: string,
  to: string,
  before: StoredFile,
  signal: AbortSignal,
): Promise<void> {
  // Not all servers heed the condition of a copy (Ceph): a backup of other bytes would have to be moved away by hand.
  await assertUnchanged(bucket, key, before, signal)
  await refuseInterrupted(bucket, key, to, before, signal)
  for (const { suffix, size, version } of [...before.wals, { ...before, suffix: '' }])
    await keep(bucket, { key: key + suffix, size, version }, to + suffix, signal)
  await assertUnchanged(bucket, key, before, signal)
}

/** A WAL in the backup alone: a replacement stopped half-way, so the source lacks rows that only the backup has. */
async function refuseInterrupted(
  bucket: Bucket,
  key: string,
  to: string,
  before: StoredFile,
  signal: AbortSignal,
): Promise<void> {
  const had = new Set<string>(before.wals.map((wal) => wal.suffix))
  const lost = (await statWals(bucket, to, signal)).find((wal) => !had.has(wal.suffix))
  if (lost === undefined) return
  const [file, kept] = [address(bucket, key), address(bucket, to)]
  throw new DuckfleetError(
    'usage',
    `${kept}${lost.suffix} holds rows that ${file} lacks: an earlier replacement of this file was cut short, or ` +
      `the backup is of another time; restore ${file} from ${kept} and its WAL, or move them away, then run again`,
  )
}

/** Servers that ignore the condition (Ceph) leave some milliseconds between the look and the copy. */
async function keep(bucket: Bucket, from: ObjectVersion, to: string, signal: AbortSignal): Promise<void> {
  if (await isKept(bucket, from, to, signal)) return
  try {
    await copyObject(bucket, from, to, signal, { IfNoneMatch: '*' })
  } catch (error) {
    // The source changed, or somebody made a backup just now: perhaps this very copy, whose answer was lost.
    if (statusOf(error) !== 412 || !(await isKept(bucket, from, to, signal))) throw error
    return
  }
  const made = await headObject(bucket, to, signal)
  if (made?.size !== from.size)
    throw new DuckfleetError(
      'transient',
      `${address(bucket, to)} has not the ${from.size} bytes of ${address(bucket, from.key)} after it was copied; try again`,
    )
}

/** True when the backup is there already; throws when another one is. */
async function isKept(
  bucket: Bucket,
  from: ObjectVersion,
  to: string,
  signal: AbortSignal,
): Promise<boolean> {
  const head = await headObject(bucket, to, signal)
  if (head === undefined) return false
  if (head.size === from.size) {
    if (head.version === from.version) return true
    // An object that was written in parts has another ETag than its copy.
    const there = await digestOf(bucket, { key: to, size: head.size, version: head.version }, signal)
    if (there === (await digestOf(bucket, from, signal))) return true
  }
  throw new DuckfleetError(
    'usage',
    `${address(bucket, to)} exists and holds other bytes than ${address(bucket, from.key)}; move that older backup ` +
      'away, then run again',
  )
}

async function digestOf(bucket: Bucket, object: ObjectVersion, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  // As much at a time as an upload holds in memory; a part of a download need not be held.
  const { putPart } = bucket.limits
  for (let from = 0; from < object.size; from += putPart) {
    const pieces: Uint8Array[] = []
    const write = (chunks: readonly Uint8Array[], position: number): Promise<void> => {
      // An answer that broke off starts again.
      if (position === from) pieces.length = 0
      pieces.push(...chunks)
      return Promise.resolve()
    }
    await getRange(bucket, object, { from, to: Math.min(object.size, from + putPart) }, { write }, signal)
    for (const piece of pieces) hash.update(piece)
  }
  return hash.digest('hex')
}
