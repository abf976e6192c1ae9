import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout: compiled code is in `dist/bench`. */
const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..')

/** The command, as a user runs it with `node`. */
export const CLI = path.join(ROOT, 'dist', 'src', 'cli', 'main.js')

/** A bundled archive of real database files. */
export function bundledArchive(name: 'conformance' | 'trackers'): string {
  return path.join(ROOT, 'tests', 'fixtures', `${name}.tar.br`)
}

/** A compiled program of this folder. */
export function benchProgram(name: 'stock-export' | 'stock-import' | 'make-file'): string {
  return path.join(ROOT, 'dist', 'bench', `${name}.js`)
}
