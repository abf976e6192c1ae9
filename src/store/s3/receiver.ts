import { Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import type { S3Client } from '@aws-sdk/client-s3'
import { DuckfleetError } from '../../errors.js'
import { fileError } from '../fs-errors.js'
import type { Range, Sink } from './pour.js'
import type { Failure, FromReceiver, ToReceiver } from './receiver-messages.js'
import { Transport } from './transport.js'
import type { HttpAnswer, HttpOptions, HttpRequest, TransportOptions } from './transport.js'

/**
 * A thread that receives the answers of big requests and writes them to files. Node makes a buffer for every 64 KiB that
 * come, and V8 marks all of the heap for every 64 MiB of them: with the heap of this program that takes longer than all
 * the rest of a download, with that of a thread which has loaded next to nothing a third of it.
 */
export interface Receiver {
  /** Sends a request of the client; an answer's body is a {@link DistantBody}, but for errors. */
  handle(request: HttpRequest, options: HttpOptions): Promise<HttpAnswer>
  /** Ends the thread, and whatever it is at. */
  close(): Promise<void>
}

/** The body of an answer that is in the thread. */
export class DistantBody extends Readable {
  constructor(private readonly call: Call) {
    super()
  }

  /**
   * Writes it to its place in a file that is there. Rejects when it has not exactly the bytes of the range, and with a
   * DuckfleetError when the file cannot be written.
   */
  async writeTo(path: string, range: Range, onReached: Sink['onReached']): Promise<void> {
    await this.call.ask({ kind: 'write', path, range }, onReached)
  }

  override _read(): void {
    this.destroy(new Error('the bytes are in another thread'))
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.call.drop()
    done(error)
  }
}

type Distributed<T> = T extends unknown ? Omit<T, 'call'> : never

/** One request to the thread. */
interface Call {
  /** Resolves with what it says to that. Rejects when it failed, was dropped, or the thread ended. */
  ask(message: Distributed<ToReceiver>, onReached?: Sink['onReached']): Promise<FromReceiver>
  drop(): void
}

/** A receiver that sends as the client does; undefined for a client that was not made here. */
export function openReceiver(client: S3Client): Receiver | undefined {
  const transport = client.config.requestHandler
  if (!(transport instanceof Transport)) return undefined
  const thread = startThread(transport.options)
  return {
    async handle(request, { abortSignal }) {
      const call = thread.call(abortSignal instanceof AbortSignal ? abortSignal : undefined)
      try {
        const { protocol, hostname, port, method, path, query, headers } = request
        const plain = {
          protocol,
          hostname,
          method,
          path,
          query,
          headers,
          ...(port === undefined ? {} : { port }),
        }
        const said = await call.ask({ kind: 'send', request: plain })
        if (said.kind !== 'answered') throw new Error(`the thread said ${said.kind}`)
        const { statusCode, headers: fields, body } = said.answer
        if (body === undefined)
          return { response: { statusCode, headers: fields, body: new DistantBody(call) } }
        call.drop()
        return { response: { statusCode, headers: fields, body: Readable.from([body]) } }
      } catch (error) {
        call.drop()
        throw error
      }
    },
    close: () => thread.end(),
  }
}

interface Waiting {
  readonly resolve: (said: FromReceiver) => void
  readonly reject: (error: Error) => void
  readonly onReached: Sink['onReached']
}

function startThread(options: TransportOptions): {
  call(signal: AbortSignal | undefined): Call
  end(): Promise<void>
} {
  const thread = new Worker(threadPath(), { workerData: options, execArgv: ['--no-warnings'] })
  const waiting = new Map<number, Waiting>()
  let ended: DuckfleetError | undefined
  const take = (call: number): Waiting | undefined => {
    const found = waiting.get(call)
    waiting.delete(call)
    return found
  }
  const onEnd = (error: unknown): void => {
    ended ??= new DuckfleetError('transient', 'the thread that receives the file ended; try again', {
      cause: error,
    })
    for (const call of [...waiting.keys()]) take(call)?.reject(ended)
  }
  thread.on('error', onEnd)
  thread.on('exit', onEnd)
  thread.on('message', (said: FromReceiver) => {
    switch (said.kind) {
      case 'reached':
        waiting.get(said.call)?.onReached(said.position)
        return
      case 'answered':
      case 'written':
        take(said.call)?.resolve(said)
        return
      case 'failed':
        take(said.call)?.reject(errorOf(said.failure))
        return
      default:
        said satisfies never
    }
  })
  const tell = (message: ToReceiver): void => {
    thread.postMessage(message)
  }
  let calls = 0
  return {
    call(signal) {
      const call = calls++
      let dropped = false
      const drop = (): void => {
        if (dropped) return
        dropped = true
        signal?.removeEventListener('abort', drop)
        take(call)?.reject(Object.assign(new Error('nobody waits for it any more'), { name: 'AbortError' }))
        tell({ kind: 'drop', call })
      }
      signal?.addEventListener('abort', drop)
      return {
        drop,
        ask: (message, onReached = () => undefined) =>
          new Promise((resolve, reject) => {
            waiting.set(call, { resolve, reject, onReached })
            if (ended !== undefined) onEnd(ended)
            else if (signal?.aborted === true) drop()
            else tell({ ...message, call })
          }),
      }
    },
    async end() {
      await thread.terminate()
    },
  }
}

/** The error as it was, for the client looks at its name and code; a {@link fileError} where the file was to blame. */
function errorOf({ name, message, code, file }: Failure): Error {
  const error = Object.assign(new Error(message), { name, code })
  return file === undefined ? error : fileError(error, 'write', file)
}

/** The compiled thread; when this file runs from source (in tests) that is the one of the last build. */
function threadPath(): URL {
  const compiled = import.meta.url.endsWith('.ts') ? '../../../dist/src/store/s3/' : './'
  return new URL(`${compiled}receiver-thread.js`, import.meta.url)
}
