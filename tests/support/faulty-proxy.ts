import { once } from 'node:events'
import http from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * What goes wrong with a request: a status instead of an answer; the connection is cut before the request reaches the
 * server, after the server did it, or in the middle of the answer; no answer, or half of one; an answer of another
 * version; a bit that flips on the way to the server; the server gets it `ms` milliseconds late, at which the client
 * waits or is cut off at once.
 */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly code?: string }
  | { readonly kind: 'late' | 'cut-and-late'; readonly ms: number }
  | {
      readonly kind:
        | 'reset'
        | 'lost-answer'
        | 'reset-in-body'
        | 'truncate'
        | 'stall'
        | 'stall-in-body'
        | 'wrong-etag'
        | 'flip'
    }

/** After which the answer comes as it is. */
const WHOLE: ReadonlySet<Fault['kind']> = new Set(['wrong-etag', 'flip', 'late'])

export interface SeenRequest {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: http.IncomingHttpHeaders
}

/** Chooses the fault of a request, or none. Requests come one after another, in the order of their heads. */
type Faults = (request: SeenRequest) => Fault | undefined | Promise<Fault | undefined>

export interface FaultyProxy {
  readonly endpoint: string
  /** Everything that was asked so far. */
  readonly seen: readonly SeenRequest[]
  faults: Faults
  dispose(): Promise<void>
}

/** An HTTP proxy in front of the real server that lets go wrong what it is told to. */
export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const seen: SeenRequest[] = []
  const agent = new http.Agent({ keepAlive: true })
  const server = http.createServer((request, response) => {
    const head = { method: request.method ?? '', url: request.url ?? '', headers: request.headers }
    seen.push(head)
    response.on('error', () => undefined)
    void (async () => {
      const body = await whole(request)
      await answer(target, agent, head, body, await proxy.faults(head), response)
    })().catch(() => {
      response.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: FaultyProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    faults: () => undefined,
    async dispose() {
      server.closeAllConnections()
      agent.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}

async function answer(
  target: string,
  agent: http.Agent,
  head: SeenRequest,
  body: Buffer,
  fault: Fault | undefined,
  response: ServerResponse,
): Promise<void> {
  if (fault?.kind === 'stall') return
  if (fault?.kind === 'reset') {
    response.destroy()
    return
  }
  if (fault?.kind === 'status') {
    response.writeHead(fault.status, { 'content-type': 'application/xml' })
    response.end(head.method === 'HEAD' ? '' : `<Error><Code>${fault.code ?? 'InternalError'}</Code></Error>`)
    return
  }
  if (fault?.kind === 'cut-and-late') response.destroy()
  if (fault?.kind === 'late' || fault?.kind === 'cut-and-late') await delay(fault.ms)
  const sent = fault?.kind === 'flip' && body.length > 0 ? flipped(body) : body
  const { status, headers, bytes } = await forward(target, agent, head, sent)
  if (fault?.kind === 'lost-answer' || fault?.kind === 'cut-and-late') {
    response.destroy()
    return
  }
  if (fault?.kind === 'wrong-etag' && headers.etag !== undefined)
    headers.etag = '"0123456789abcdef0123456789abcdef"'
  response.writeHead(status, headers)
  if (fault === undefined || WHOLE.has(fault.kind)) {
    response.end(bytes)
    return
  }
  response.write(bytes.subarray(0, bytes.length / 2), () => {
    // Without an answer's head the client would see a cut connection, not a cut body.
    if (fault.kind === 'reset-in-body') response.socket?.resetAndDestroy()
    else if (fault.kind === 'truncate') response.socket?.end()
  })
}

async function forward(
  target: string,
  agent: http.Agent,
  { method, url, headers }: SeenRequest,
  body: Buffer,
): Promise<{ status: number; headers: http.IncomingHttpHeaders; bytes: Buffer }> {
  // The Host that the client signed is passed on.
  const request = http.request(`${target}${url}`, { method, headers, agent })
  request.end(body)
  const [answered] = (await once(request, 'response')) as [IncomingMessage]
  return {
    status: answered.statusCode ?? 500,
    headers: { ...answered.headers },
    bytes: await whole(answered),
  }
}

async function whole(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  const middle = Math.floor(copy.length / 2)
  copy[middle] = (copy[middle] ?? 0) ^ 1
  return copy
}
