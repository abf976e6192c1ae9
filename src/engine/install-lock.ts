import { open, rm, stat, utimes } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { DuckfleetError, systemCode } from '../errors.js'

const HEARTBEAT_MS = 5_000
/** A lock whose owner has not touched it for so long belongs to a process that is gone. */
const STALE_MS = 30_000
const POLL_MS = 500

/**
 * Runs `work` while no other process that uses the same lock file does. The lock only saves double work: the
 * installs themselves stay whole without it, so a stale one is simply taken over.
 * @param onWait called once when another process holds the lock.
 * @throws DuckfleetError `aborted` when the signal fires while waiting; else what `work` throws.
 */
export async function withInstallLock<T>(
  path: string,
  options: { readonly signal: AbortSignal; readonly onWait: () => void },
  work: () => Promise<T>,
): Promise<T> {
  await acquire(path, options)
  const heartbeat = setInterval(() => {
    const now = new Date()
    // A lock that somebody removed is no reason to stop: see above.
    utimes(path, now, now).catch(() => undefined)
  }, HEARTBEAT_MS)
  try {
    return await work()
  } finally {
    clearInterval(heartbeat)
    await rm(path, { force: true })
  }
}

async function acquire(
  path: string,
  { signal, onWait }: { readonly signal: AbortSignal; readonly onWait: () => void },
): Promise<void> {
  let told = false
  while (!(await tryCreate(path))) {
    if (await isStale(path)) {
      await rm(path, { force: true })
      continue
    }
    if (!told) onWait()
    told = true
    await sleep(POLL_MS, undefined, { signal }).catch((cause: unknown) => {
      throw new DuckfleetError('aborted', 'stopped on request', { cause })
    })
  }
}

async function tryCreate(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx')
    await file.close()
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw error
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > STALE_MS
  } catch {
    // Released between the attempt and the look.
    return false
  }
}
