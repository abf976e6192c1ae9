import { DuckfleetError } from '../../errors.js'
import { afterwards, finishing, lookAgain } from './after-stop.js'
import type { Bucket, Condition } from './bucket.js'
import { address, quoted } from './bucket.js'
import { statusOf } from './errors.js'
import { changed } from './request.js'
import { setAside } from './set-aside.js'
import { headObject } from './stat.js'
import { UPLOAD_ID } from './upload.js'
import type { Upload } from './upload.js'

/**
 * Runs the request that makes the object appear, and makes sure that it did: the object that is there afterwards has
 * the id and the size of this upload. An error whose request took effect nevertheless (a lost answer, a stop in the
 * last moment) is a success. Takes the WALs of a file that is replaced away right before.
 */
export async function commit(
  upload: Upload,
  signal: AbortSignal,
  write: (condition: Condition, signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const { bucket, key, options } = upload
  await finishing(signal, async (patient) => {
    const aside = await setAside(bucket, key, options.replaces?.wals ?? [], signal)
    try {
      await conclude(upload, (condition) => write(condition, patient))
    } catch (error) {
      throw (await isStillOld(upload, error)) ? await aside.restore(error) : aside.leave(error)
    }
    if (options.replaces !== undefined) await aside.drop()
  })
}

/**
 * Whether the file that was to be replaced stays where it is. Without an answer the new one may still appear, and somebody
 * else may have put another there: the WAL beside either would bring its rows in twice.
 */
async function isStillOld({ bucket, key, options }: Upload, error: unknown): Promise<boolean> {
  if (options.replaces === undefined || !isAnswered(error)) return false
  const head = await afterwards((late) => headObject(bucket, key, late)).catch(() => undefined)
  return head?.version === options.replaces.version
}

async function conclude(upload: Upload, write: (condition: Condition) => Promise<unknown>): Promise<void> {
  let refused: unknown
  for await (const condition of conditions(upload)) {
    try {
      await write(condition)
      await assertOurs(upload)
      return
    } catch (error) {
      const rejected = error instanceof DuckfleetError && error.code === 'usage'
      if (!rejected && (await tookEffect(upload, error))) return
      refused = error
      if (statusOf(error) !== 412) break
    }
  }
  throw statusOf(refused) === 412 ? precondition(upload, refused) : refused
}

/** Whether a write that failed made the object nevertheless. */
async function tookEffect(upload: Upload, error: unknown): Promise<boolean> {
  const look = async (): Promise<boolean> => (await ours(upload).catch(() => 'unknown')) === 'ours'
  return isAnswered(error) ? await look() : await lookAgain(look)
}

/** The server said what became of the request; otherwise it may still carry it out. */
function isAnswered(error: unknown): boolean {
  const status = statusOf(error)
  return status !== undefined && status < 500
}

/** One after another until one is not refused: servers differ in whether they want the ETag in quotes. */
async function* conditions({ bucket, key, options: { replaces } }: Upload): AsyncGenerator<Condition> {
  if (replaces === undefined) {
    yield { IfNoneMatch: '*' }
    return
  }
  const etags = [quoted(replaces.version), replaces.version]
  for (const IfMatch of bucket.endpoint === undefined ? etags : etags.reverse()) yield { IfMatch }
  // Ceph refuses each for an object that has versions. There, whatever is replaced is kept.
  const head = await afterwards((late) => headObject(bucket, key, late)).catch(() => undefined)
  if (head?.versioned === true && head.version === replaces.version) yield {}
}

async function assertOurs(upload: Upload): Promise<void> {
  const found = await ours(upload)
  if (found === 'ours') return
  const { bucket, key, source } = upload
  throw new DuckfleetError(
    'transient',
    `${address(bucket, key)} ${found === 'missing' ? 'is gone' : 'is another file'} right after it was written with ` +
      `${source.size} bytes: something else writes to it; stop that, and try again`,
  )
}

async function ours({ bucket, key, source, id }: Upload): Promise<'ours' | 'another' | 'missing'> {
  const head = await afterwards((late) => headObject(bucket, key, late))
  if (head === undefined) return 'missing'
  return head.size === source.size && head.metadata[UPLOAD_ID] === id ? 'ours' : 'another'
}

function precondition({ bucket, key, options }: Upload, cause: unknown): DuckfleetError {
  return options.replaces === undefined ? alreadyThere(bucket, key, cause) : changed(bucket, key, cause)
}

export function alreadyThere(bucket: Bucket, key: string, cause?: unknown): DuckfleetError {
  return new DuckfleetError(
    'usage',
    `${address(bucket, key)} exists already; allow overwriting, or choose another destination`,
    { cause },
  )
}
