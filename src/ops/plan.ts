import type { Route } from '../fleet/route.js'
import { limitSeconds, loadOf } from './plan-limits.js'
import { PRICES, taskHourPrice } from './plan-prices.js'
import type { Architecture, TaskSize } from './plan-prices.js'
import { biggestSize, splitSizes } from './plan-sizes.js'
import type { SizeClass } from './plan-sizes.js'
import { fileSeconds, workSeconds } from './plan-work.js'
import type { Speed } from './plan-work.js'

/** How many workers a queue gets: as many as are given, or as it takes. */
export type Workers = { readonly tasks: number } | { readonly withinHours: number }

export interface Campaign {
  readonly files: number
  readonly bytes: number
  /** Standard deviation of the logarithm of a file's size. */
  readonly spread: number
  /** Bytes: files of this size and more go to the big queue. */
  readonly bigFrom: number
  readonly route: Route
  readonly speed: Speed
  readonly architecture: Architecture
  readonly small: { readonly task: TaskSize; readonly workers: Workers }
  readonly big: { readonly task: TaskSize; readonly workers: Workers }
  /** Share of the price of small tasks that Spot saves, 0 to 1. */
  readonly spotSaving: number
}

/** What becomes of the files of one queue. */
export interface QueuePlan extends SizeClass {
  readonly tasks: number
  /** Seconds that all jobs take together, retries included. */
  readonly workSeconds: number
  /** Seconds from the start of the first task until the queue is empty. */
  readonly drainSeconds: number
  /** Seconds of the longest job: no number of tasks is faster. */
  readonly longestSeconds: number
  /** US dollars. */
  readonly cost: number
}

export interface Plan {
  readonly small: QueuePlan
  readonly big: QueuePlan
  /** Seconds that each service around the workers needs at least, and each queue with its tasks; longest first. */
  readonly stages: readonly { readonly name: string; readonly seconds: number }[]
  /** Seconds for everything: all stages go on at the same time, so the longest decides. */
  readonly seconds: number
  readonly bottleneck: string
  /** Fargate's quota has to allow so many at once. */
  readonly vcpus: number
  readonly cost: {
    readonly tasks: number
    readonly requests: number
    readonly files: number
    readonly total: number
  }
}

/** From the order to start a task until it takes its first message: place, network, image, start. In seconds. */
export const START_SECONDS = 90

/** How long a campaign takes, on how many tasks, and what it costs. A model: docs/scaling.md has its formulas. */
export function planCampaign(campaign: Campaign): Plan {
  const { bigFrom } = campaign
  const sizes = splitSizes(campaign, bigFrom)
  const biggest = biggestSize(campaign)
  const small = planQueue(sizes.small, Math.min(biggest, bigFrom), campaign.small, campaign)
  const big = planQueue(sizes.big, biggest, campaign.big, campaign)
  const load = loadOf(campaign)
  const stages = [
    ...(small.files > 0 ? [{ name: 'small workers', seconds: small.drainSeconds }] : []),
    ...(big.files > 0 ? [{ name: 'big workers', seconds: big.drainSeconds }] : []),
    ...limitSeconds(load),
  ].sort((one, other) => other.seconds - one.seconds)
  const tasks = small.cost * (1 - campaign.spotSaving) + big.cost
  const requests = load.s3Gets * PRICES.s3.get + (load.s3Lists + load.s3Puts) * PRICES.s3.put
  const moved = (load.efsRead * PRICES.efs.readGb + load.efsWritten * PRICES.efs.writeGb) / 1e9
  return {
    small: { ...small, cost: small.cost * (1 - campaign.spotSaving) },
    big,
    stages,
    seconds: stages[0]?.seconds ?? 0,
    bottleneck: stages[0]?.name ?? 'nothing to do',
    vcpus: small.tasks * campaign.small.task.vcpu + big.tasks * campaign.big.task.vcpu,
    cost: { tasks, requests, files: moved, total: tasks + requests + moved },
  }
}

function planQueue(
  size: SizeClass,
  biggest: number,
  { task, workers }: Campaign['small'],
  { speed, architecture }: Campaign,
): QueuePlan {
  if (size.files === 0)
    return { ...size, tasks: 0, workSeconds: 0, drainSeconds: 0, longestSeconds: 0, cost: 0 }
  const work = workSeconds(size, task, speed)
  const longest = Math.min(work, fileSeconds(biggest, task, speed))
  const tasks = 'tasks' in workers ? workers.tasks : tasksWithin(workers.withinHours * 3600, work, longest)
  // At worst the longest job is the last to begin, when all others have shared the rest.
  const drain = START_SECONDS + (work - longest) / tasks + longest
  return {
    ...size,
    tasks,
    workSeconds: work,
    drainSeconds: drain,
    longestSeconds: longest,
    // Tasks go when they have nothing to do: what is paid is their start and their work.
    cost: ((tasks * START_SECONDS + work) / 3600) * taskHourPrice(task, architecture),
  }
}

/** Tasks that get the work done in this time; where none do, as many as would if work could be shared to the end. */
function tasksWithin(seconds: number, work: number, longest: number): number {
  const left = Math.max(1, seconds - START_SECONDS)
  const tasks = left > longest ? (work - longest) / (left - longest) : work / left
  return Math.max(1, Math.ceil(tasks))
}
