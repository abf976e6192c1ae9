import { SingleBar } from 'cli-progress'
import type { Io } from './io.js'
import { formatSize } from './size.js'

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
  const view = new SingleBar({
    format: '{bar} {percentage}% | {shown} of {all} | {count} of {files} files | {eta_formatted} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    etaBuffer: 50,
    etaAsynchronousUpdate: true,
    hideCursor: true,
    // The command ends itself on a signal, and stops the bar as it does.
    gracefulExit: false,
  })
  const show = (): void => {
    const started = [...inFlight.values()].reduce((sum, bytes) => sum + bytes * DOWNLOAD_SHARE, 0)
    const value = Math.min(totalBytes, doneBytes + started)
    view.update(value, { shown: formatSize(value), count: doneFiles })
  }
  view.start(totalBytes, 0, { shown: formatSize(0), all: formatSize(totalBytes), count: 0, files })
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
