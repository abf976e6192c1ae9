import { setTimeout as delay } from 'node:timers/promises'
import { delayAbort, limitTime, throwIfAborted } from '../../abort.js'

/** Milliseconds that finding out and tidying up may take once an operation was stopped or failed. */
const AFTERWARDS_MS = 30_000
/** Milliseconds that a request may go on after a stop when its answer matters. */
const PATIENCE_MS = 5_000
/** Milliseconds before each look for what may come late. */
const PAUSES_MS = [0, 1_000, 2_000]

/** Runs what has to be done although the operation's own signal fired; bounded in time. */
export async function afterwards<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, release } = limitTime(new AbortController().signal, AFTERWARDS_MS)
  try {
    return await run(signal)
  } finally {
    release()
  }
}

/**
 * Runs a request whose effect has to be known. A stop does not cut it off at once: the server may carry out a request
 * after its client went away, and then nobody would look any more for what it made.
 */
export async function finishing<T>(
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  throwIfAborted(signal)
  const patient = delayAbort(signal, PATIENCE_MS)
  try {
    return await run(patient.signal)
  } finally {
    patient.release()
  }
}

/**
 * Looks some times, with pauses, until `look` gives true; gives whether it did. For what the server may do late, because
 * its answer was lost.
 */
export async function lookAgain(look: () => Promise<boolean>): Promise<boolean> {
  for (const pause of PAUSES_MS) {
    await delay(pause)
    if (await look()) return true
  }
  return false
}
