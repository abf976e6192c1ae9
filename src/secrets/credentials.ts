import { DuckfleetError } from '../errors.js'
import type { Access } from '../fleet-config.js'
import { database, rabbit, validate } from './fields.js'
import type { Fields } from './fields.js'
import type { Secrets } from './secrets.js'

interface ServerCredentials {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  /** Encrypted, and the certificate checked. */
  readonly tls: boolean
  /** PEM of the authority that signed it; undefined: the system's. */
  readonly ca: string | undefined
}

export interface RabbitCredentials extends ServerCredentials {
  readonly vhost: string
}

export interface DatabaseCredentials extends ServerCredentials {
  readonly database: string
}

/** Asked before every connection; `fresh` after a refusal, because secrets rotate. Rejects with a DuckfleetError. */
export type CredentialsSource<T> = (options: { readonly fresh: boolean }, signal: AbortSignal) => Promise<T>

export interface CredentialsOptions {
  readonly secrets: Secrets
  /** PEM of the authority for TLS; undefined: the system's. */
  readonly ca: string | undefined
}

/** Of RabbitMQ: from an address, or a secret with host, port, username, password, virtualhost, and ssl or tls. */
export function rabbitCredentials(
  access: Access,
  options: CredentialsOptions,
): CredentialsSource<RabbitCredentials> {
  return source(access, options, 'RABBIT_URL', rabbitUrl, (raw, what) => {
    return { ...validate(rabbit, raw, what), ca: options.ca }
  })
}

/** Of Postgres: from an address, or a secret with host, port, username, password, dbname, and ssl, tls or sslmode. */
export function databaseCredentials(
  access: Access,
  options: CredentialsOptions,
): CredentialsSource<DatabaseCredentials> {
  return source(access, options, 'DATABASE_URL', databaseUrl, (raw, what) => {
    return { ...validate(database, raw, what), ca: options.ca }
  })
}

function source<T>(
  access: Access,
  { secrets }: CredentialsOptions,
  variable: string,
  fromUrl: (url: URL) => Fields,
  finish: (raw: Fields, what: string) => T,
): CredentialsSource<T> {
  return async ({ fresh }, signal) => {
    switch (access.kind) {
      case 'url':
        return finish(readAddress(access.url, variable, fromUrl), variable)
      case 'secret':
        return finish(await secrets.read(access.name, { fresh }, signal), `secret ${access.name}`)
      default:
        return access satisfies never
    }
  }
}

function readAddress(url: string, variable: string, read: (url: URL) => Fields): Fields {
  try {
    return read(new URL(url))
  } catch {
    // The error quotes the address, and that may hold a password.
    throw new DuckfleetError('usage', `${variable} is no address, or has a % that encodes nothing`)
  }
}

function server({ hostname, port, username, password }: URL): Fields {
  return {
    host: decodeURIComponent(hostname).replace(/^\[(.*)\]$/, '$1'),
    port,
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
  }
}

function rabbitUrl(url: URL): Fields {
  const tls = url.protocol === 'amqps:'
  const anonymous = url.username === '' && url.password === ''
  return {
    ...server(url),
    // What every client of RabbitMQ does.
    ...(anonymous ? { username: 'guest', password: 'guest' } : {}),
    tls,
    virtualhost: decodeURIComponent(url.pathname.slice(1)),
  }
}

function databaseUrl(url: URL): Fields {
  return {
    ...server(url),
    dbname: decodeURIComponent(url.pathname.slice(1)) || decodeURIComponent(url.username),
    sslmode:
      url.searchParams.get('sslmode') ?? (url.searchParams.get('ssl') === 'true' ? 'require' : undefined),
  }
}
