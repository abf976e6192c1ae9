import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { throwIfAborted } from '../abort.js'
import { DuckfleetError } from '../errors.js'

/**
 * Asks a person for yes or no; anything but yes is no. Rejects with a DuckfleetError: `usage` when nobody is there to
 * answer, `aborted`.
 */
export type Confirm = (question: string, signal: AbortSignal) => Promise<boolean>

type Input = Readable & { readonly isTTY?: boolean }

/** Asks on a terminal; the question goes to stderr, since stdout is for data. */
export function createConfirm(input: Input = process.stdin, output: Writable = process.stderr): Confirm {
  return async (question, signal) => {
    throwIfAborted(signal)
    if (input.isTTY !== true)
      throw new DuckfleetError(
        'usage',
        'there is no terminal to ask on; add --yes to do it without a question',
      )
    // Not in the terminal's raw mode, in which Ctrl-C is no signal.
    const lines = createInterface({ input, output, terminal: false })
    try {
      const answer = await new Promise<string>((resolve, reject) => {
        const stop = (): void => {
          reject(new DuckfleetError('aborted', 'stopped on request', { cause: signal.reason }))
        }
        signal.addEventListener('abort', stop, { once: true })
        lines.once('close', () => {
          signal.removeEventListener('abort', stop)
          resolve('')
        })
        lines.once('line', resolve)
        output.write(`${question} [y/N] `)
      })
      return /^(y|yes)$/i.test(answer.trim())
    } finally {
      lines.close()
      // It would keep the process alive.
      input.pause()
    }
  }
}
