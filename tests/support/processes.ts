import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Engine processes that a command (its process id) started and that still run, also after its own end. Linux only. */
export function enginesOf(cli: number): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry)
    return Number.isInteger(pid) && isEngineOf(pid, cli) ? [pid] : []
  })
}

function isEngineOf(pid: number, cli: number): boolean {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return (
      args.some((arg) => arg.endsWith('/host.js')) && args.some((arg) => arg.includes(`"parent":${cli}}`))
    )
  } catch {
    // It has just ended.
    return false
  }
}

/** Waits until a condition holds; rejects when it does not within `timeoutMs`. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs: number): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`still not so after ${timeoutMs} ms: ${condition.toString()}`)
    await sleep(20)
  }
}
