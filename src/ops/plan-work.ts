import type { TaskSize } from './plan-prices.js'
import type { SizeClass } from './plan-sizes.js'

/** How fast a task works. */
export interface Speed {
  /** Seconds that a file takes whatever its size: engines, headers, publication. */
  readonly perFile: number
  /** Seconds for 10^9 bytes of upgrade and proof, on 2 vCPUs or more. */
  readonly perGb: number
  /** Bytes a second to and from the store. */
  readonly network: number
  /** Share of jobs that are done once more: Spot took the task, a service was away. */
  readonly retries: number
}

/**
 * 211 MB in 8.1 s and 228 MB in 7.8 s, verified, on 2 cores half as fast as those of the benchmark in the README; 2 MB in
 * 1.4 s. The network is an assumption: a Fargate task has more at times, and no promise of it.
 */
export const MEASURED: Speed = { perFile: 1.4, perGb: 32, network: 100e6, retries: 0.01 }

/** Fewer vCPUs than the benchmark had take longer in proportion; more do not help, since old engines use one. */
const BENCHMARK_VCPUS = 2

/** Seconds for one file: its share of every file, upgrade and proof, and both ways over the network. */
export function fileSeconds(bytes: number, { vcpu }: TaskSize, speed: Speed): number {
  const slower = Math.max(1, BENCHMARK_VCPUS / vcpu)
  return speed.perFile * slower + (bytes / 1e9) * speed.perGb * slower + (2 * bytes) / speed.network
}

/** Seconds of all jobs of a queue together, those that are done once more included. The formula is linear in bytes. */
export function workSeconds({ files, bytes }: SizeClass, task: TaskSize, speed: Speed): number {
  return files * fileSeconds(bytes / files, task, speed) * (1 + speed.retries)
}
