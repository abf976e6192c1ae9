import type { RabbitCredentials } from './link.js'
import type { ManagementAccess } from './management-http.js'

/**
 * Where the management API is, and who asks: as `management` says, an address that may hold user and password; else on
 * the usual port of the broker's host, encrypted where the broker itself is.
 */
export function managementAccess(
  broker: Pick<RabbitCredentials, 'host' | 'user' | 'password' | 'tls'>,
  { management, ca }: { readonly management: string | undefined; readonly ca: string | undefined },
): ManagementAccess {
  if (management === undefined) {
    const { user, password } = broker
    return { address: usualAddress(broker), user, password, ca }
  }
  const url = new URL(management)
  const { username, password } = url
  url.username = ''
  url.password = ''
  const named = username !== ''
  return {
    address: url.href.replace(/\/$/, ''),
    user: named ? decodeURIComponent(username) : broker.user,
    password: named ? decodeURIComponent(password) : broker.password,
    ca,
  }
}

function usualAddress({ host, tls }: Pick<RabbitCredentials, 'host' | 'tls'>): string {
  const name = host.includes(':') ? `[${host}]` : host
  if (/\.amazonaws\.com(\.cn)?$/.test(host)) return `https://${name}`
  return tls ? `https://${name}:15671` : `http://${name}:15672`
}

/** Milliseconds to wait for an answer: nothing may be there where nobody said that something is. */
export function answerLimitMs(management: string | undefined): number {
  return management === undefined ? 2_000 : 10_000
}
