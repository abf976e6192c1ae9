import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The files that a command line names: a file as it is, a folder as all `*.duckdb` below it, sorted. Links inside a
 * folder are left alone, so that no loop and no file outside it is walked into.
 * Rejects with Node's own error (`ENOENT`, `EACCES`) when `path` is not there.
 */
export async function duckdbFiles(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path]
  return (await below(path)).sort()
}

async function below(folder: string): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) found.push(...(await below(path)))
    else if (entry.isFile() && entry.name.endsWith('.duckdb')) found.push(path)
  }
  return found
}
