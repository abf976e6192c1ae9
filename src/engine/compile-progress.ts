/** Source files of the old native addon, roughly the same in every release. */
const FILES_TO_COMPILE = 258
const EVERY_MS = 5_000

/**
 * Turns what npm prints into a line for people every few seconds, for as long as it runs.
 * @param report takes lines such as `native-0.8.1: compiled 57 of about 258 files, 2 min 10 s`.
 */
export function compileProgress(
  name: string,
  report: (line: string) => void,
): { readonly line: (line: string) => void; readonly stop: () => void } {
  const started = Date.now()
  let compiled = 0
  report(`${name}: installing with npm`)
  const timer = setInterval(() => {
    const what = compiled === 0 ? 'installing' : `compiled ${compiled} of about ${FILES_TO_COMPILE} files`
    report(`${name}: ${what}, ${elapsed(Date.now() - started)}`)
  }, EVERY_MS)
  return {
    line: (line) => {
      if (line.includes('CXX(target)')) compiled++
    },
    stop: () => {
      clearInterval(timer)
    },
  }
}

function elapsed(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}
