import { limitTime, throwIfAborted } from '../../abort.js'
import { DuckfleetError, asDuckfleetError } from '../../errors.js'
import { createWaiters } from '../waiters.js'
import type { Waiters } from '../waiters.js'
import { backoff, pause } from './backoff.js'
import { openLink } from './link.js'
import type { Link, RabbitCredentials } from './link.js'

/** Something that whoever runs a worker wants in the log. */
export interface RabbitEvent {
  readonly kind: 'connected' | 'disconnected' | 'waiting' | 'blocked' | 'unblocked' | 'warning'
  /** A sentence without secrets. */
  readonly message: string
}

export interface RabbitOptions {
  /** Asked before every connection; `fresh` when the broker refused what was given before. */
  readonly credentials: (options: { fresh: boolean }, signal: AbortSignal) => Promise<RabbitCredentials>
  readonly onEvent?: (event: RabbitEvent) => void
  /** Two silent ones mean that the connection is lost; default 20. */
  readonly heartbeatSeconds?: number
  /** Milliseconds to wait for a broker that is not there at the start; default 5 minutes. */
  readonly startLimitMs?: number
  /** Milliseconds that fresh credentials may be refused later, such as while they rotate; default 2 minutes. */
  readonly refusedLimitMs?: number
}

/** A connection that is opened again whenever it is lost. */
export interface LinkKeeper {
  /**
   * The connection that is up, or the next one. Rejects with `transient` after `limitMs` and when closed, with `usage` when
   * the credentials were refused for good.
   */
  link(signal: AbortSignal, limitMs: number): Promise<Link>
  /** Woken when the connection changes, and when the broker begins or ends to block. */
  readonly changed: Pick<Waiters, 'wait'>
  readonly emit: (event: RabbitEvent) => void
  close(): Promise<void>
}

/** A connection that lived this long was a good one: the next may be opened quickly. */
const GOOD_MS = 10_000

/**
 * Opens a connection and keeps it. The library's own recovery is not used: it cannot ask for other credentials, nor tell
 * refused ones from a broker that is away, and channels and consumers have to be made anew by us in any case.
 */
export async function keepLink(options: RabbitOptions, signal: AbortSignal): Promise<LinkKeeper> {
  const changed = createWaiters()
  const ended = new AbortController()
  const emit = options.onEvent ?? (() => undefined)
  const open = createOpener(options, emit, () => {
    changed.wake()
  })
  let failure: DuckfleetError | undefined
  let link: Link | undefined = await open(
    { limitMs: options.startLimitMs ?? 300_000, refusedMs: 0, failures: 0 },
    signal,
  )
  emit({ kind: 'connected', message: `connected to RabbitMQ ${link.version.text} at ${link.place}` })

  const keep = async (): Promise<void> => {
    let failures = 0
    while (link !== undefined) {
      const since = performance.now()
      await gone(link.lost)
      const { place, lost } = link
      link = undefined
      changed.wake()
      if (ended.signal.aborted) return
      emit({
        kind: 'disconnected',
        message: `the connection to RabbitMQ at ${place} was lost: ${String(lost.reason)}`,
      })
      failures = performance.now() - since > GOOD_MS ? 0 : failures + 1
      await pause(backoff(failures), ended.signal)
      const refusedMs = options.refusedLimitMs ?? 120_000
      link = await open({ limitMs: Infinity, refusedMs, failures }, ended.signal)
      changed.wake()
      emit({
        kind: 'connected',
        message: `connected again to RabbitMQ ${link.version.text} at ${link.place}`,
      })
    }
  }
  const kept = keep().catch((error: unknown) => {
    failure = asDuckfleetError(error, 'transient')
    if (!ended.signal.aborted) emit({ kind: 'warning', message: failure.message })
    changed.wake()
  })

  return {
    changed,
    emit,
    async link(asked, limitMs) {
      const up = link !== undefined && !link.lost.aborted && !ended.signal.aborted && failure === undefined
      if (up && !asked.aborted && link !== undefined) return link
      const limit = limitMs === Infinity ? undefined : limitTime(asked, limitMs)
      try {
        for (;;) {
          throwIfAborted(asked)
          if (ended.signal.aborted)
            throw new DuckfleetError('transient', 'the connection to RabbitMQ was closed')
          if (failure !== undefined) throw failure
          if (link !== undefined && !link.lost.aborted) return link
          if (limit?.late() === true)
            throw new DuckfleetError('transient', 'there is no connection to RabbitMQ for now')
          await changed.wait(limit?.signal ?? asked)
        }
      } finally {
        limit?.release()
      }
    },
    async close() {
      ended.abort()
      await link?.close()
      await kept
      // One may have been opened just then.
      await link?.close()
      changed.wake()
    },
  }
}

interface Patience {
  /** Milliseconds for a broker that is away. */
  readonly limitMs: number
  /** Milliseconds for one that refuses fresh credentials. */
  readonly refusedMs: number
  /** In a row until now. */
  readonly failures: number
}

type Opener = (patience: Patience, signal: AbortSignal) => Promise<Link>

function createOpener(options: RabbitOptions, emit: (event: RabbitEvent) => void, wake: () => void): Opener {
  const onBlocked = (reason: string | undefined): void => {
    if (reason === undefined) emit({ kind: 'unblocked', message: 'RabbitMQ takes messages again' })
    else emit({ kind: 'blocked', message: `RabbitMQ takes no messages for now: ${reason}; publishing waits` })
    wake()
  }
  const heartbeatSeconds = options.heartbeatSeconds ?? 20
  return async (patience, signal) => {
    const start = performance.now()
    let fresh = false
    for (let failures = patience.failures; ; failures++) {
      try {
        const credentials = await options.credentials({ fresh }, signal)
        return await openLink(credentials, { heartbeatSeconds, onBlocked }, signal)
      } catch (thrown) {
        throwIfAborted(signal)
        const error = asDuckfleetError(thrown, 'transient')
        const refused = error.code === 'usage'
        if (refused && !fresh) {
          fresh = true
          continue
        }
        if (performance.now() - start >= (refused ? patience.refusedMs : patience.limitMs)) throw error
        const wait = backoff(failures)
        const seconds = (wait / 1000).toFixed(1)
        emit({ kind: 'waiting', message: `${error.message}; trying again in ${seconds} s` })
        await pause(wait, signal)
        throwIfAborted(signal)
      }
    }
  }
}

function gone(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve()
        },
        { once: true },
      )
  })
}
