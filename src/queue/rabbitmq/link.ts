import { connect } from 'amqplib'
import type { ChannelModel, Options, SocketOptions } from 'amqplib'
import { throwIfAborted } from '../../abort.js'
import { connectError, told } from './broker-errors.js'
import { limited } from './limited.js'
import { readVersion } from './version.js'
import type { BrokerVersion } from './version.js'

/** Where a broker is, and who asks. */
export interface RabbitCredentials {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly vhost: string
  readonly tls: boolean
  /** PEM of the authority that signed the broker's certificate; undefined: the system's. */
  readonly ca?: string | undefined
}

/** One connection, as long as it lives. */
export interface Link {
  readonly model: ChannelModel
  readonly version: BrokerVersion
  /** `host:port/vhost`. */
  readonly place: string
  /** Fires when the connection is gone; its reason is a sentence. */
  readonly lost: AbortSignal
  /** The broker takes nothing for now: it is short of memory or disk. */
  isBlocked(): boolean
  /** Says goodbye; a broker that does not answer is left after some seconds. */
  close(): Promise<void>
}

interface LinkOptions {
  readonly heartbeatSeconds: number
  /** Told of every change of `isBlocked`; the reason when the broker began to block. */
  readonly onBlocked: (reason: string | undefined) => void
}

const OPEN_LIMIT_MS = 20_000
const GOODBYE_LIMIT_MS = 3_000

/**
 * Opens a connection. Throws a DuckfleetError: `usage` when the broker refuses the password or its certificate is not
 * accepted, `transient` for anything else, `aborted` when the signal fired.
 */
export async function openLink(
  credentials: RabbitCredentials,
  options: LinkOptions,
  signal: AbortSignal,
): Promise<Link> {
  throwIfAborted(signal)
  const { host, port, user, vhost } = credentials
  const place = `${host}:${port}${vhost === '/' ? '' : `/${vhost}`}`
  // Ends the socket at any time: the library closes only its own half, and one whose peer is silent would stay.
  const socket = new AbortController()
  try {
    const model = await connectWithin(credentials, options.heartbeatSeconds, socket, signal)
    return watch(model, place, options, socket)
  } catch (error) {
    socket.abort()
    throwIfAborted(signal)
    throw connectError(error, place, user, vhost)
  }
}

async function connectWithin(
  credentials: RabbitCredentials,
  heartbeat: number,
  socket: AbortController,
  signal: AbortSignal,
): Promise<ChannelModel> {
  const { host, port, user, password, vhost, tls, ca } = credentials
  const to: Options.Connect = {
    protocol: tls ? 'amqps' : 'amqp',
    hostname: host,
    port,
    username: user,
    password,
    // The library decodes it, so a percent sign in the name has to be encoded.
    vhost: encodeURIComponent(vhost),
    heartbeat,
  }
  const how: SocketOptions & { signal: AbortSignal } = {
    noDelay: true,
    keepAlive: true,
    clientProperties: { connection_name: 'duckfleet' },
    ...(ca === undefined ? {} : { ca }),
    signal: socket.signal,
  }
  const stopped = new Promise<never>((_resolve, reject) => {
    socket.signal.addEventListener('abort', () => {
      reject(new Error('stopped'))
    })
  })
  const stop = (): void => {
    socket.abort()
  }
  signal.addEventListener('abort', stop)
  try {
    const opening = connect(to, how).then((model) => {
      // One that comes too late is ended by its socket, and nobody else listens then.
      model.on('error', () => undefined)
      return model
    })
    const silence = `no answer within ${OPEN_LIMIT_MS / 1000} s`
    return await limited(OPEN_LIMIT_MS, silence, Promise.race([opening, stopped]))
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function watch(model: ChannelModel, place: string, options: LinkOptions, socket: AbortController): Link {
  const lost = new AbortController()
  let blocked = false
  let why: Error | undefined
  model.on('error', (error: Error) => {
    why = error
  })
  model.on('close', (error?: Error) => {
    const reason = why ?? error
    lost.abort(reason === undefined ? 'it was closed' : told(reason))
    // Not at once: what the library has written, such as its goodbye, may still leave.
    setTimeout(() => {
      socket.abort()
    }, 100).unref()
  })
  model.on('blocked', (reason: string) => {
    blocked = true
    options.onBlocked(reason)
  })
  model.on('unblocked', () => {
    blocked = false
    options.onBlocked(undefined)
  })
  return {
    model,
    version: readVersion(model.connection.serverProperties.version),
    place,
    lost: lost.signal,
    isBlocked: () => blocked,
    async close() {
      // Throws when the connection is gone already.
      const goodbye = (async () => model.close())()
      await limited(GOODBYE_LIMIT_MS, 'no answer', goodbye).catch(() => undefined)
      socket.abort()
      lost.abort('it was closed')
    },
  }
}
