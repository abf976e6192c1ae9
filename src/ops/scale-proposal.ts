import type { SizeClass } from './failed-entry.js'
import { START_SECONDS } from './plan.js'
import type { TaskSize } from './plan-prices.js'
import { MEASURED, fileSeconds } from './plan-work.js'
import type { QueueFigures } from './queue-figures.js'

/** Tasks for a queue, and how they come about. */
export interface Proposal {
  readonly size: SizeClass
  /** Ready, in work, and waiting for another try. */
  readonly files: number
  /** Seconds that one task takes for a file. */
  readonly secondsPerFile: number
  /** Where that comes from. */
  readonly basis: 'rate' | 'option' | 'model'
  /** Seconds of the time asked for in which tasks work: new ones have to start first. */
  readonly workSeconds: number
  /** Without a ceiling. */
  readonly needed: number
  readonly tasks: number
}

export interface ProposalOptions {
  readonly minutes: number
  /** No more tasks than this. */
  readonly ceiling: number
  /** Seconds for a file where somebody knows them. */
  readonly secondsPerFile: Readonly<Partial<Record<SizeClass, number>>>
}

/** A file of each queue and a task for it, for queues that do not tell their rate: assumptions. */
const TYPICAL: Readonly<Record<SizeClass, { readonly bytes: number; readonly task: TaskSize }>> = {
  small: { bytes: 50e6, task: { vcpu: 1, memoryGb: 4, storageGb: 30 } },
  big: { bytes: 5e9, task: { vcpu: 4, memoryGb: 16, storageGb: 200 } },
}

/** How many tasks drain a queue in the time that is given. */
export function proposeTasks(
  size: SizeClass,
  figures: readonly QueueFigures[],
  { minutes, ceiling, secondsPerFile: known }: ProposalOptions,
): Proposal {
  const ours = figures.filter((line) => line.size === size)
  const work = ours.find(({ kind }) => kind === 'work')
  const retry = ours.find(({ kind }) => kind === 'retry')
  const files = (work?.ready ?? 0) + (work?.inWork ?? 0) + (retry?.ready ?? 0)
  const { seconds, basis } = speedOf(size, work, known[size])
  // A time that is over before the first task is up still takes somebody to work.
  const workSeconds = Math.max(minutes * 60 - START_SECONDS, 30)
  // More tasks than files have nothing to do.
  const needed = Math.min(files, Math.ceil((files * seconds) / workSeconds))
  return {
    size,
    files,
    secondsPerFile: seconds,
    basis,
    workSeconds,
    needed,
    tasks: Math.min(needed, ceiling),
  }
}

function speedOf(
  size: SizeClass,
  work: QueueFigures | undefined,
  given: number | undefined,
): { readonly seconds: number; readonly basis: Proposal['basis'] } {
  if (given !== undefined) return { seconds: given, basis: 'option' }
  const { ackRate = null, inWork = null } = work ?? {}
  // Consumers without work say nothing about the speed of those that have some.
  if (ackRate !== null && inWork !== null && ackRate > 0 && inWork > 0)
    return { seconds: inWork / ackRate, basis: 'rate' }
  const { bytes, task } = TYPICAL[size]
  return { seconds: fileSeconds(bytes, task, MEASURED), basis: 'model' }
}
