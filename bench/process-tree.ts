import { readFileSync, readdirSync } from 'node:fs'
import { readVitals } from '../src/engine/vitals.js'

/**
 * Resident memory of a process and all that descend from it, bytes. Pages that several of them share count once for
 * each, so the figure is never too small. Linux only; 0 elsewhere.
 */
export function treeResident(pid: number): number {
  return children(pid).reduce((sum, child) => sum + treeResident(child), readVitals(pid)?.resident ?? 0)
}

/** Every thread has its own list of the processes that it started. */
function children(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
      const list = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim()
      return list === '' ? [] : list.split(' ').map(Number)
    })
  } catch {
    // It has just ended.
    return []
  }
}
