import { readFileSync } from 'node:fs'

/** What the system says of a process. */
export interface Vitals {
  /** Bytes in memory. */
  readonly resident: number
}

const PAGE = 4096

/** Reads /proc, so it knows nothing (undefined) outside Linux or once the process is gone. */
export function readVitals(pid: number): Vitals | undefined {
  try {
    const pages = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]
    return pages === undefined ? undefined : { resident: Number(pages) * PAGE }
  } catch {
    return undefined
  }
}
