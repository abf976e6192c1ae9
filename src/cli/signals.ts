import { setMaxListeners } from 'node:events'
import { DuckfleetError } from '../errors.js'

/** By convention, 128 and the number of the signal. */
const STATUS = { SIGINT: 130, SIGTERM: 143 } as const

export interface StopSignals {
  /** Fires at the first SIGINT or SIGTERM: whoever works then stops in good order. */
  readonly signal: AbortSignal
  /** Exit status that the signal asks for; undefined when there was none. */
  status(): number | undefined
}

/** Turns signals into an AbortSignal. The second one ends the process at once, its engines with it. */
export function listenForSignals(say: (line: string) => void): StopSignals {
  const controller = new AbortController()
  // Every file, engine and queue of every worker listens; that is no leak.
  setMaxListeners(0, controller.signal)
  let status: number | undefined
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // Engines are killed by an `exit` handler of the module that starts them.
      if (status !== undefined) process.exit(status)
      status = STATUS[name]
      say('stopping; once more to stop at once')
      controller.abort(new DuckfleetError('aborted', `stopped by ${name}`))
    })
  }
  return { signal: controller.signal, status: () => status }
}
