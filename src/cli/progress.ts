import { SingleBar } from 'cli-progress'
import type { Io } from './io.js'
import { formatSize } from '../size.js'

/** A downloaded file counts for this part of its size; the rest counts when it is finished. */
const DOWNLOAD_SHARE = 0.2

/** Shows how far a run is: a bar where a person watches, a line for every finished file elsewhere. */
export interface Progress {
  /** Bytes of a source arrived at worker number `slot`. */
  downloaded(slot: number, bytes: number): void
  /** The job of that worker ended: its line for a log; `done` is the size of a file that is done with. */
  ended(slot: number, line: string, done: number | undefined): void
  /** Gives the terminal back. Can be called twice. */
  stop(): void
}

export function createProgress(io: Io, files: number, totalBytes: number): Progress {
  return io.isTTY ? bar(files, totalBytes) : lines(io)
}

function lines(io: Io): Progress {
  return {
    downloaded: () => undefined,
    ended: (_slot, line) => {
      io.err(line)
    },
    stop: () => undefined,
  }
}

function bar(files: number, totalBytes: number): Progress {
  const inFlight = new Map<number, number>()
  let doneBytes = 0
  let doneFiles = 0
  const begun = performance.now()
  const view = new SingleBar({
    format: '{bar} {percentage}% | {shown} of {all} | {count} of {files} files | {left} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    // The command ends itself on a signal, and stops the bar as it does.
    gracefulExit: false,
  })
  const show = (): void => {
    const started = [...inFlight.values()].reduce((sum, bytes) => sum + bytes * DOWNLOAD_SHARE, 0)
    const value = Math.min(totalBytes, doneBytes + started)
    const left = timeLeft(performance.now() - begun, doneBytes, totalBytes)
    view.update(value, { shown: formatSize(value), count: doneFiles, left })
  }
  view.start(totalBytes, 0, { shown: formatSize(0), all: formatSize(totalBytes), count: 0, files, left: '–' })
  return {
    downloaded(slot, bytes) {
      inFlight.set(slot, (inFlight.get(slot) ?? 0) + bytes)
      show()
    },
    ended(slot, _line, done) {
      inFlight.delete(slot)
      if (done !== undefined) {
        doneFiles += 1
        doneBytes += done
      }
      show()
    },
    stop() {
      view.stop()
    },
  }
}

/** Finished files alone say how fast this machine is: a download is over long before its upgrade. */
function timeLeft(elapsedMs: number, doneBytes: number, totalBytes: number): string {
  if (doneBytes === 0) return '–'
  const seconds = Math.round((elapsedMs / doneBytes) * (totalBytes - doneBytes) * 1e-3)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
