import { MultiBar } from 'cli-progress'
import type { PublishSummary } from '../fleet/publish-tally.js'
import type { Io } from './io.js'
import { progressText } from './publish-text.js'

const LINE_EVERY_MS = 10_000
const MOVE_EVERY_MS = 100

/** Shows how far publishing is: a line that moves where a person watches, one now and then elsewhere. */
export interface PublishProgress {
  update(summary: PublishSummary): void
  /** A line that stays. */
  say(line: string): void
  /** Gives the terminal back. Can be called twice. */
  stop(): void
}

/** `quiet`: stdout tells every message already, and a moving line would get in between. */
export function createPublishProgress(io: Io, quiet: boolean): PublishProgress {
  return io.isTTY && !quiet ? movingLine(io) : lines(io)
}

function lines(io: Io): PublishProgress {
  const rate = createRate()
  let next = performance.now() + LINE_EVERY_MS
  return {
    update(summary) {
      if (performance.now() < next) return
      next = performance.now() + LINE_EVERY_MS
      io.err(`${progressText(summary)}, ${rate(summary)}`)
    },
    say: (line) => {
      io.err(line)
    },
    stop: () => undefined,
  }
}

function movingLine(io: Io): PublishProgress {
  const rate = createRate()
  // How many there will be is not known; so this is a bar without a bar, which others can write above.
  const view = new MultiBar({
    format: '{text}',
    hideCursor: true,
    clearOnComplete: true,
    // The command ends itself on a signal, and stops this as it does.
    gracefulExit: false,
  })
  const bar = view.create(1, 0, { text: 'reading trackers' })
  let stopped = false
  let next = 0
  return {
    update(summary) {
      if (performance.now() < next) return
      next = performance.now() + MOVE_EVERY_MS
      bar.update({ text: `${progressText(summary)}, ${rate(summary)}` })
    },
    say(line) {
      if (stopped) io.err(line)
      else view.log(`${line}\n`)
    },
    stop() {
      if (stopped) return
      stopped = true
      // What was said last is not on the screen yet.
      view.update()
      view.stop()
    },
  }
}

/** Messages a second since the start. */
function createRate(): (summary: PublishSummary) => string {
  const begun = performance.now()
  return ({ queues }) => {
    const seconds = Math.max(0.001, (performance.now() - begun) / 1000)
    const messages = queues.small.messages + queues.big.messages
    return `${Math.round(messages / seconds).toLocaleString('en-US')} a second`
  }
}
