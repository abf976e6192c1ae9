import { readFileSync } from 'node:fs'
import { DuckfleetError } from './errors.js'

/** Version of duckfleet, from the package.json above this file, in `src` as well as in `dist/src`. */
export function duckfleetVersion(): string {
  for (const up of ['../package.json', '../../package.json']) {
    const version = versionIn(new URL(up, import.meta.url))
    if (version !== undefined) return version
  }
  throw new DuckfleetError('usage', 'the package.json of duckfleet is missing; install duckfleet again')
}

function versionIn(file: URL): string | undefined {
  try {
    const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof manifest !== 'object' || manifest === null || !('version' in manifest)) return undefined
    return typeof manifest.version === 'string' ? manifest.version : undefined
  } catch {
    return undefined
  }
}
