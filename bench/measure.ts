import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { treeResident } from './process-tree.js'

/** What a run cost. */
export interface Measured {
  /** Wall clock. */
  readonly seconds: number
  /** Most resident memory of all its processes together, bytes; what the processes share counts several times. */
  readonly peakBytes: number
  /** Wall clock of each command. */
  readonly steps: readonly number[]
}

/** Arguments of `node`: the program and its own. */
export type NodeCommand = readonly string[]

const SAMPLE_MS = 50
const STDERR_KEPT = 4000

/** Runs commands one after another, as a shell script would. Rejects with what a failed one said. */
export async function measure(
  commands: readonly NodeCommand[],
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Measured> {
  let peakBytes = 0
  const steps: number[] = []
  for (const command of commands) {
    const begun = performance.now()
    peakBytes = Math.max(peakBytes, await run(command, env, signal))
    steps.push((performance.now() - begun) / 1000)
  }
  return { seconds: steps.reduce((sum, step) => sum + step, 0), peakBytes, steps }
}

/** Gives the peak memory in bytes. On abort the child gets SIGTERM, and cleans up behind it. */
async function run(
  command: NodeCommand,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<number> {
  const child = spawn(process.execPath, command, { env, signal, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-STDERR_KEPT)
  })
  let peak = 0
  const sampler = setInterval(() => {
    if (child.pid !== undefined) peak = Math.max(peak, treeResident(child.pid))
  }, SAMPLE_MS)
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    if (code !== 0)
      throw new Error(`node ${command.join(' ')} ended with ${code ?? 'a signal'}: ${said.trim()}`)
    return peak
  } finally {
    clearInterval(sampler)
  }
}

/** The middle value; the mean of the two middle ones when there is an even number. NaN when there is none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1)
  return middle.reduce((sum, value) => sum + value, 0) / middle.length
}
