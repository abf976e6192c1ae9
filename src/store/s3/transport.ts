import { NodeHttpHandler } from '@smithy/node-http-handler'

/** How requests go out: plain data, so that a thread can be told. */
export interface TransportOptions {
  /** PEM of the authority that signed the server's certificate; undefined: the system's. */
  readonly ca: string | undefined
  /** Milliseconds without a byte after which a request is given up. */
  readonly idleMs: number
}

const CONNECT_MS = 10_000
const MAX_SOCKETS = 128
/** Bytes of an answer that wait in memory: with Node's 16 KiB every piece that comes stops the socket and starts it again. */
const READ_AHEAD = 1024 * 1024

type Handle = NodeHttpHandler['handle']
/** A request as it goes out, and its answer as it comes. */
export type HttpRequest = Omit<Parameters<Handle>[0], 'clone'>
export type HttpOptions = NonNullable<Parameters<Handle>[1]>
export interface HttpAnswer {
  readonly response: Pick<Awaited<ReturnType<Handle>>['response'], 'statusCode' | 'headers' | 'body'>
}

/** Options of a request that somebody else sends. */
export interface SentBy extends HttpOptions {
  readonly sender?: { handle(request: HttpRequest, options: HttpOptions): Promise<HttpAnswer> } | undefined
}

/** Sends the requests of a client, but for those that have a `sender` of their own. */
export class Transport extends NodeHttpHandler {
  constructor(readonly options: TransportOptions) {
    const agent = { keepAlive: true, maxSockets: MAX_SOCKETS, highWaterMark: READ_AHEAD }
    const { ca, idleMs } = options
    super({
      connectionTimeout: CONNECT_MS,
      socketTimeout: idleMs,
      httpAgent: agent,
      httpsAgent: { ...agent, ...(ca === undefined ? {} : { ca }) },
    })
  }

  /** Of requests and answers the SDK looks at the fields only: those of others may have no methods. */
  override handle(request: HttpRequest, { sender, ...options }: SentBy = {}): ReturnType<Handle> {
    if (sender !== undefined) return sender.handle(request, options)
    return super.handle(request as Parameters<Handle>[0], options)
  }
}
