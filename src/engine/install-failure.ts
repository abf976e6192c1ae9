import { DuckfleetError } from '../errors.js'
import type { ErrorCode } from '../errors.js'
import type { EngineSpec } from './registry.js'

interface Cause {
  readonly pattern: RegExp
  readonly code: ErrorCode
  readonly advice: string
}

/** The first that matches what npm printed explains it: the order is from certain to vague. */
const CAUSES: readonly Cause[] = [
  {
    pattern: /ENOSPC|No space left on device/i,
    code: 'transient',
    advice: 'the disk is full; a compile needs about 3 GB while it runs, anything else 300 MB',
  },
  {
    pattern: /Killed signal terminated program|virtual memory exhausted|out of memory/i,
    code: 'engine',
    advice: 'the compiler ran out of memory; it needs about 0.7 GB per processor that it uses',
  },
  {
    pattern: /\bETARGET\b|\bE404\b|No matching version found/,
    code: 'engine',
    advice: 'the npm registry in use does not carry it; check `npm config get registry`',
  },
  {
    pattern: /\b(E401|E403|ENEEDAUTH)\b/,
    code: 'usage',
    advice: 'the npm registry refused access; check the login in your .npmrc',
  },
  {
    pattern:
      /not found: make|make: (command )?not found|g\+\+: (command )?not found|find Python|not found: (python|g\+\+|c\+\+)|xcode-select|find VS/i,
    code: 'usage',
    advice:
      'it has to be compiled here and a compiler is missing: `apt-get install g++ make python3` on Debian or Ubuntu, ' +
      '`xcode-select --install` on macOS, the Visual Studio Build Tools on Windows',
  },
  {
    pattern: /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT|network/,
    code: 'transient',
    advice: 'the npm registry cannot be reached; check the network and the proxy settings, then try again',
  },
]

const QUOTED_LINES = 8

/** The error for an npm run that failed, from the last lines that it printed. */
export function explainFailure(engine: EngineSpec, tail: readonly string[]): DuckfleetError {
  const text = tail.join('\n')
  const cause = CAUSES.find(({ pattern }) => pattern.test(text))
  const what = `${engine.npmPackage}@${engine.npmVersion} could not be installed`
  if (cause !== undefined) return new DuckfleetError(cause.code, `${what}: ${cause.advice}`)
  const quoted = tail.filter(isTelling).slice(-QUOTED_LINES).map(redact).join('\n  ')
  return new DuckfleetError('engine', `${what}; npm's last words:\n  ${quoted === '' ? '(none)' : quoted}`)
}

function isTelling(line: string): boolean {
  return line.trim() !== '' && !/^npm (warn|notice)|A complete log of this run|^npm error\s*$/i.test(line)
}

/** Registry addresses and npm's own settings may carry a password or token. */
function redact(line: string): string {
  return line
    .replace(/\/\/[^/@\s]+@/g, '//***@')
    .replace(/(_auth\w*|_password|token)(\s*[=:]\s*)\S+/gi, '$1$2***')
}
