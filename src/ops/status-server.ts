import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { asDuckfleetError, DuckfleetError } from '../errors.js'
import type { Metrics } from './metrics.js'

/** How a worker is. Unhealthy means: end it and start another. */
export interface Health {
  readonly healthy: boolean
  /** What `/healthz` says besides. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>
}

export interface StatusServer {
  /** Where it listens; another than asked for when that was 0. */
  readonly port: number
  close(): Promise<void>
}

const TIMEOUT_MS = 5_000

/**
 * Serves `GET /healthz` (200 or 503, JSON) and `GET /metrics` (Prometheus) to whoever asks. Rejects with a
 * DuckfleetError `usage` when the port cannot be had.
 */
export async function startStatusServer(
  port: number,
  health: () => Health,
  metrics: Pick<Metrics, 'text' | 'contentType'>,
): Promise<StatusServer> {
  const server = createServer((request, response) => {
    answer(request, response, health, metrics).catch((error: unknown) => {
      response.writeHead(500).end(`${asDuckfleetError(error).message}\n`)
    })
  })
  server.requestTimeout = TIMEOUT_MS
  server.headersTimeout = TIMEOUT_MS
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const why = `cannot listen on port ${port} (METRICS_PORT): ${error.message}; choose another, or 0 for any`
      reject(new DuckfleetError('usage', why, { cause: error }))
    })
    server.listen(port, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

async function answer(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  health: () => Health,
  metrics: Pick<Metrics, 'text' | 'contentType'>,
): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end()
    return
  }
  switch (url?.split('?')[0] ?? '/') {
    case '/healthz': {
      const { healthy, details } = health()
      response.writeHead(healthy ? 200 : 503, { 'content-type': 'application/json' })
      response.end(`${JSON.stringify({ healthy, ...details })}\n`)
      return
    }
    case '/metrics':
      response.writeHead(200, { 'content-type': metrics.contentType }).end(await metrics.text())
      return
    default:
      response.writeHead(404).end('there are /healthz and /metrics\n')
  }
}
