import type { Io } from './io.js'

/** What a person watches. */
interface Terminal {
  readonly isTTY: boolean
  readonly columns: number
}

/** Shows lines in the place of those before. */
export interface Screen {
  show(lines: readonly string[]): void
  /** Gives the terminal back as it was. Can be called twice. */
  close(): void
}

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const CLEAR_BELOW = '\x1b[0J'

/** On a terminal in place, elsewhere one below the other. */
export function createScreen(io: Io, terminal: Terminal): Screen {
  let shown = 0
  let open = false
  const inPlace = (lines: readonly string[]): void => {
    const back = shown > 0 ? `\x1b[${shown}A\r${CLEAR_BELOW}` : HIDE_CURSOR
    // A line that wraps would count as two. A terminal without a size has no columns.
    const width = terminal.columns > 0 ? terminal.columns - 1 : undefined
    io.out(back + lines.map((line) => line.slice(0, width)).join('\n'))
    shown = lines.length
    open = true
  }
  return {
    show(lines) {
      if (terminal.isTTY) inPlace(lines)
      else for (const line of lines) io.out(line)
    },
    close() {
      // On a line of its own, so that the shell's prompt finds the start of one.
      if (open) io.out(`${SHOW_CURSOR}\x1b[1A`)
      open = false
    },
  }
}

/** This process's own. */
export function processTerminal(): Terminal {
  const { isTTY, columns } = process.stdout
  return { isTTY, columns: isTTY ? columns : 0 }
}
