import { describe, expect, it } from 'vitest'
import { simulate } from '../../bench/simulate.js'
import { START_SECONDS, planCampaign } from '../../src/ops/plan.js'
import type { Campaign } from '../../src/ops/plan.js'
import { LIMITS } from '../../src/ops/plan-limits.js'
import { MEASURED, fileSeconds } from '../../src/ops/plan-work.js'
import { logOf } from '../../src/ops/plan-sizes.js'

const TASK = { vcpu: 2, memoryGb: 8, storageGb: 30 }

/** All files in one queue, so that one simulation has them all. */
function campaign(change: Partial<Campaign> & { readonly tasks: number }): Campaign {
  const workers = { tasks: change.tasks }
  return {
    files: 1_000_000,
    bytes: 20e12,
    spread: 1.5,
    bigFrom: Number.MAX_SAFE_INTEGER,
    route: 's3-s3',
    speed: MEASURED,
    architecture: 'arm64',
    small: { task: TASK, workers },
    big: { task: TASK, workers },
    spotSaving: 0,
    ...change,
  }
}

/** Seconds of the files of the small queue, with sizes drawn from the distribution that the model assumes. */
function drawSeconds({ files, bytes, spread, bigFrom, speed }: Campaign, seed: number): Float64Array {
  const { mean } = logOf({ files, bytes, spread })
  const random = generator(seed)
  const drawn = Float64Array.from({ length: files }, () => {
    const gauss = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    return Math.exp(mean + spread * gauss)
  })
  // The others go to the big queue.
  return drawn.filter((size) => size < bigFrom).map((size) => fileSeconds(size, TASK, speed))
}

/** Mulberry32: the same numbers in every run. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

async function drained(
  planned: Campaign,
  { seed = 1, startSeconds = START_SECONDS } = {},
): ReturnType<typeof simulate> {
  return simulate({
    jobSeconds: drawSeconds(planned, seed),
    workers: planCampaign(planned).small.tasks,
    publishRate: LIMITS.publishRate,
    startSeconds,
    retryShare: planned.speed.retries,
  })
}

describe('the model of a campaign', () => {
  it('is within 3 % of a simulation of 1,000,000 messages, where workers are the bottleneck', async () => {
    const planned = campaign({ tasks: 200, files: 1_000_250, bigFrom: 1.5e9 })
    const { small, bottleneck } = planCampaign(planned)
    const simulated = await drained(planned)
    expect(simulated.acked).toBeGreaterThanOrEqual(1_000_000)
    expect(Math.abs(simulated.acked - small.files)).toBeLessThan(100)
    expect(simulated.retried).toBeGreaterThan(9_900)
    expect(bottleneck).toBe('small workers')
    expect(Math.abs(small.drainSeconds / simulated.seconds - 1)).toBeLessThan(0.03)
  }, 60_000)

  it.each([
    { what: 'tasks have many files each', tasks: 20, files: 20_000, bytes: 400e9, draws: 3, within: 0.1 },
    { what: 'tasks have some big files each', tasks: 10, files: 150, bytes: 150e9, draws: 100, within: 0.3 },
    {
      what: 'tasks have one big file or none',
      tasks: 200,
      files: 150,
      bytes: 150e9,
      draws: 100,
      within: 0.3,
    },
  ])(
    'is within $within of the average of simulations where $what',
    async (given) => {
      const { tasks, files, bytes, draws, within } = given
      const planned = campaign({ tasks, files, bytes })
      let sum = 0
      for (let seed = 1; seed <= draws; seed++) {
        const simulated = await drained(planned, { seed })
        expect(simulated.acked).toBe(files)
        sum += simulated.seconds
      }
      expect(Math.abs(planCampaign(planned).seconds / (sum / draws) - 1)).toBeLessThan(within)
    },
    60_000,
  )

  it('agrees with it within 3 % where the publisher is the bottleneck', async () => {
    const speed = { ...MEASURED, perFile: 0.001 }
    const planned = campaign({ tasks: 10, files: 250_000, bytes: 1e6, route: 'efs-efs', speed })
    // Workers are there before the first message: else it is their start that counts.
    const simulated = await drained(planned, { startSeconds: 0 })
    const plan = planCampaign(planned)
    expect(plan.bottleneck).toBe('publisher')
    expect(Math.abs(plan.seconds / simulated.seconds - 1)).toBeLessThan(0.03)
  }, 60_000)
})
