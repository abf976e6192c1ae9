import type { Log } from '../log.js'
import type { Health } from '../ops/status-server.js'

/** What a connection to the broker tells of itself. */
export interface BrokerEvent {
  readonly kind: 'connected' | 'disconnected' | 'waiting' | 'blocked' | 'unblocked' | 'warning'
  /** A sentence, without any secret. */
  readonly message: string
}

/** So long may a broker be away before this worker counts as ill. */
const PATIENCE_MS = 10 * 60_000

export interface ConnectionWatch {
  readonly onEvent: (event: BrokerEvent) => void
  readonly health: (details: Health['details']) => Health
}

/** Logs what the connection says, and knows how the worker is because of it. */
export function watchConnection(log: Log, now: () => number = Date.now): ConnectionWatch {
  let away: number | undefined = now()
  return {
    onEvent({ kind, message }) {
      log.event(kind === 'connected' || kind === 'unblocked' ? 'info' : 'warn', message)
      if (kind === 'connected') away = undefined
      if (kind === 'disconnected') away ??= now()
    },
    health: (details) => ({
      healthy: away === undefined || now() - away < PATIENCE_MS,
      details: { ...details, connected: away === undefined },
    }),
  }
}
