import type { FailureKind } from './protocol.js'

/** What an engine threw, for the worker: in its own words, and what they mean. */
export function failureOf(error: unknown): { readonly kind: FailureKind; readonly message: string } {
  const message = firstLines(error instanceof Error ? error.message : String(error))
  return { kind: classify(message, error), message }
}

/** Without the excerpt of the statement or the stack trace that DuckDB adds, and without Emscripten's source. A Binder Error lists candidates. */
function firstLines(message: string): string {
  const [head = ''] = message.split(/\n+(?:LINE \d+|Stack Trace):/)
  return head
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim()
    .slice(0, message.startsWith('Binder Error') ? 4_000 : 600)
}

/** What WebAssembly throws when it traps, and when a function of a damaged module is called. */
const BROKEN_CODE = new Set(['RuntimeError', 'CompileError'])

function classify(message: string, error: unknown): FailureKind {
  if (error instanceof RangeError || (error instanceof Error && BROKEN_CODE.has(error.name))) return 'fatal'
  // The rest of such a message is names and text of the file's own.
  if (/^(?:Error: )?(?:Binder|Catalog|Parser|Permission) Error/.test(message)) return 'sql'
  if (
    /INTERNAL Error|FATAL Error|abort\(|Aborted|out of bounds|table index|null function|unreachable|Compiling function #\d/i.test(
      message,
    )
  )
    return 'fatal'
  if (
    /checksum|corrupt|not a valid DuckDB|Serialization Error|deserializ|WAL playback|replaying WAL/i.test(
      message,
    )
  )
    return 'corrupt'
  return 'sql'
}
