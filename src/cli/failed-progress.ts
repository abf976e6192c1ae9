import { SingleBar } from 'cli-progress'
import type { Io } from './io.js'
import { count } from './failed-text.js'

const LINE_EVERY_MS = 10_000

/** Shows how many failed messages were looked at: a bar where a person watches, a line now and then elsewhere. */
export interface FailedProgress {
  update(looked: number, waiting: number): void
  /** Gives the terminal back. Can be called twice. */
  stop(): void
}

export function createFailedProgress(io: Io): FailedProgress {
  return io.isTTY ? bar() : lines(io)
}

function lines(io: Io): FailedProgress {
  let next = performance.now() + LINE_EVERY_MS
  return {
    update(looked, waiting) {
      if (performance.now() < next) return
      next = performance.now() + LINE_EVERY_MS
      io.err(`${looked.toLocaleString('en-US')} of ${count(waiting, 'failed message')}`)
    },
    stop: () => undefined,
  }
}

function bar(): FailedProgress {
  const view = new SingleBar({
    format: '{bar} {percentage}% | {value} of {total} failed messages | {eta_formatted} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    // The command ends itself on a signal, and stops the bar as it does.
    gracefulExit: false,
  })
  let started = false
  return {
    update(looked, waiting) {
      if (!started) view.start(waiting, looked)
      started = true
      view.setTotal(waiting)
      view.update(looked)
    },
    stop() {
      if (started) view.stop()
      started = false
    },
  }
}
