import type { Io } from './io.js'

/**
 * The process's own streams. Whoever reads our output may go away (`duckfleet … | head`): what is said after that is
 * lost, but the work that was asked for goes on.
 */
export function processIo(): Io {
  const gone = new Set<NodeJS.WriteStream>()
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => {
      gone.add(stream)
    })
  }
  const write = (stream: NodeJS.WriteStream, line: string): void => {
    if (!gone.has(stream)) stream.write(`${line}\n`)
  }
  return {
    out: (line) => {
      write(process.stdout, line)
    },
    err: (line) => {
      write(process.stderr, line)
    },
    isTTY: process.stderr.isTTY,
  }
}
