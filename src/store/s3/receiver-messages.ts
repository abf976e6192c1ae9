import type { Range } from './pour.js'
import type { HttpRequest } from './transport.js'

/** What a thread is asked. Every request has a number, which what belongs to it carries. */
export type ToReceiver =
  | { readonly kind: 'send'; readonly call: number; readonly request: SentRequest }
  /** Write the body of the answer to a file that is there. */
  | { readonly kind: 'write'; readonly call: number; readonly path: string; readonly range: Range }
  /** Nobody waits for it any more. */
  | { readonly kind: 'drop'; readonly call: number }

export type SentRequest = Pick<
  HttpRequest,
  'protocol' | 'hostname' | 'port' | 'method' | 'path' | 'query' | 'headers'
>

export type FromReceiver =
  /** `body`: that of an error, which the client reads. */
  | { readonly kind: 'answered'; readonly call: number; readonly answer: Answer }
  | { readonly kind: 'reached'; readonly call: number; readonly position: number }
  | { readonly kind: 'written'; readonly call: number }
  | { readonly kind: 'failed'; readonly call: number; readonly failure: Failure }

interface Answer {
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly body: Uint8Array | undefined
}

/** An error: what of it survives on its way between threads, and what clients look at. */
export interface Failure {
  readonly name: string
  readonly message: string
  readonly code: string | undefined
  /** The file that could not be written; undefined: the network failed. */
  readonly file: string | undefined
}
