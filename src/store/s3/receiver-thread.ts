import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { parentPort, workerData } from 'node:worker_threads'
import { pour, writeAt } from './pour.js'
import type { Range } from './pour.js'
import type { FromReceiver, SentRequest, ToReceiver } from './receiver-messages.js'
import { Transport } from './transport.js'
import type { TransportOptions } from './transport.js'

/*
 * The thread of a receiver: sends requests that are signed already, and writes the bodies of their answers to files.
 * It loads as little as it can: see `receiver.ts`.
 */

interface Call {
  readonly stop: AbortController
  body: Readable | undefined
}

/** Bytes of an error's answer; what is longer is none of S3. */
const LONGEST_ERROR = 1024 * 1024

const transport = new Transport(workerData as TransportOptions)
const calls = new Map<number, Call>()

function tell(message: FromReceiver): void {
  parentPort?.postMessage(message)
}

function fail(call: number, error: unknown, file?: string): void {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  tell({ kind: 'failed', call, failure: { name, message, code, file } })
}

async function send(call: number, request: SentRequest): Promise<void> {
  const stop = new AbortController()
  const under: Call = { stop, body: undefined }
  calls.set(call, under)
  try {
    const { response } = await transport.handle(request, { abortSignal: stop.signal })
    const { statusCode, headers } = response
    const body = response.body as Readable
    under.body = body
    // Whoever reads it hears of its errors; until then they must not end the thread.
    body.on('error', () => undefined)
    const error = statusCode >= 300 ? await read(body) : undefined
    tell({ kind: 'answered', call, answer: { statusCode, headers, body: error } })
  } catch (error) {
    fail(call, error)
  }
}

async function read(body: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > LONGEST_ERROR) break
  }
  return Buffer.concat(chunks)
}

let turn = Promise.resolve()

/** Linux writes to a file in one place at a time, and lets those that wait burn a processor meanwhile. */
async function inTurn(run: () => Promise<void>): Promise<void> {
  const mine = turn.then(run)
  turn = mine.catch(() => undefined)
  await mine
}

/** The file is opened for each part anew: the handle of whoever made it is another thread's. */
async function write(call: number, path: string, range: Range): Promise<void> {
  const body = calls.get(call)?.body
  // It was dropped meanwhile.
  if (body === undefined) return
  let broken: string | undefined = path
  try {
    const file = await open(path, 'r+')
    try {
      broken = undefined
      await pour(body, range, {
        write: async (chunks, position) => {
          try {
            await inTurn(() => writeAt(file, chunks, position))
          } catch (error) {
            broken = path
            throw error
          }
        },
        onReached: (position) => {
          tell({ kind: 'reached', call, position })
        },
      })
    } finally {
      await file.close()
    }
    tell({ kind: 'written', call })
  } catch (error) {
    fail(call, error, broken)
  }
}

function drop(call: number): void {
  const dropped = calls.get(call)
  calls.delete(call)
  dropped?.stop.abort()
  dropped?.body?.destroy()
}

parentPort?.on('message', (message: ToReceiver) => {
  switch (message.kind) {
    case 'send':
      void send(message.call, message.request)
      return
    case 'write':
      void write(message.call, message.path, message.range)
      return
    case 'drop':
      drop(message.call)
      return
    default:
      message satisfies never
  }
})
