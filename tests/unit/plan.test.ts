import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { planCommand } from '../../src/cli/plan.js'
import { planCampaign } from '../../src/ops/plan.js'
import type { Campaign } from '../../src/ops/plan.js'
import { loadOf } from '../../src/ops/plan-limits.js'
import { taskHourPrice } from '../../src/ops/plan-prices.js'
import { biggestSize, splitSizes } from '../../src/ops/plan-sizes.js'
import { MEASURED, fileSeconds } from '../../src/ops/plan-work.js'
import { S3_LIMITS } from '../../src/store/s3/bucket.js'

const TASK = { vcpu: 2, memoryGb: 8, storageGb: 20 }
const EQUAL: Campaign = {
  files: 1000,
  bytes: 1e12,
  spread: 0,
  bigFrom: 1.5e9,
  route: 's3-s3',
  speed: { perFile: 8, perGb: 32, network: 0.1e9, retries: 0 },
  architecture: 'arm64',
  small: { task: TASK, workers: { tasks: 10 } },
  big: { task: TASK, workers: { tasks: 10 } },
  spotSaving: 0,
}

async function run(...args: string[]): Promise<{ out: string[]; err: string[]; code: number }> {
  const result = { out: [] as string[], err: [] as string[], code: 0 }
  const command = planCommand({
    io: { out: (line) => result.out.push(line), err: (line) => result.err.push(line), isTTY: false },
    signal: new AbortController().signal,
    setExitCode: (code) => {
      result.code = code
    },
  })
  await command.parseAsync(args, { from: 'user' })
  return result
}

describe('the plan of a campaign', () => {
  it('shares the work among the tasks', () => {
    // 1000 files of 1 GB, 8 + 32 + 20 seconds each, on 10 tasks that start for 90 seconds; one of them is the last.
    const plan = planCampaign(EQUAL)
    expect(plan.small).toMatchObject({ files: 1000, bytes: 1e12, tasks: 10, workSeconds: 60_000 })
    expect(plan.seconds).toBe(90 + (60_000 - 60) / 10 + 60)
    expect(plan.bottleneck).toBe('small workers')
    expect(plan.big).toMatchObject({ files: 0, tasks: 0, cost: 0 })
  })

  it('gives the least number of tasks that is done in time', () => {
    const within = (hours: number): number => {
      const plan = planCampaign({ ...EQUAL, small: { task: TASK, workers: { withinHours: hours } } })
      expect(plan.seconds).toBeLessThanOrEqual(hours * 3600)
      return plan.small.tasks
    }
    expect(within(6144 / 3600)).toBe(10)
    expect(within(6143 / 3600)).toBe(11)
    expect(within(24)).toBe(1)
  })

  it('never promises less than the longest file takes', () => {
    const plan = planCampaign({
      ...EQUAL,
      files: 10,
      bytes: 10e9,
      small: { task: TASK, workers: { tasks: 100 } },
    })
    expect(plan.seconds).toBeCloseTo(90 + 60 + (600 - 60) / 100, 9)
  })

  it('counts the start and the work of tasks at their price, and requests', () => {
    const { cost } = planCampaign(EQUAL)
    expect(cost.tasks).toBeCloseTo(((60_000 + 900) / 3600) * (2 * 0.03238 + 8 * 0.00356), 6)
    const { s3Gets, s3Lists, s3Puts } = loadOf(EQUAL)
    expect(cost.requests).toBeCloseTo((s3Gets * 0.0004) / 1000 + ((s3Lists + s3Puts) * 0.005) / 1000, 6)
    expect(cost.total).toBeCloseTo(cost.tasks + cost.requests, 6)
  })

  it('cuts objects as the store cuts them', () => {
    const parts = (bytes: number): ReturnType<typeof loadOf> =>
      loadOf({ files: 0, bytes, spread: 0, route: 's3-s3' })
    expect(parts(3 * S3_LIMITS.getPart).s3Gets).toBe(3)
    expect(parts(3 * S3_LIMITS.putPart).s3Puts).toBe(3)
  })

  it('counts what an upload in parts takes besides them', () => {
    const one = (bytes: number): ReturnType<typeof loadOf> =>
      loadOf({ files: 1, bytes, spread: 0, route: 's3-s3' })
    const [whole, inParts] = [one(S3_LIMITS.putWhole), one(S3_LIMITS.putWhole + 1)]
    expect([inParts.s3Puts - whole.s3Puts, inParts.s3Lists - whole.s3Lists]).toEqual([1 + 2, 2])
  })

  it('counts the bytes of EFS both ways, and no requests', () => {
    const { cost } = planCampaign({ ...EQUAL, route: 'efs-efs' })
    expect(cost).toMatchObject({ requests: 0 })
    expect(cost.files).toBeCloseTo(1000 * 0.03 + 1000 * 0.06, 6)
  })

  it('takes off what Spot saves, of small tasks only', () => {
    const half = { ...EQUAL, spotSaving: 0.5 }
    expect(planCampaign(half).cost.tasks).toBeCloseTo(planCampaign(EQUAL).cost.tasks / 2, 6)
    const big = { ...EQUAL, bigFrom: 1e9 }
    expect(planCampaign({ ...big, spotSaving: 0.5 }).cost.tasks).toBe(planCampaign(big).cost.tasks)
  })

  it('names what else may be the bottleneck', () => {
    const many = { ...EQUAL, files: 1e8, bytes: 1e9, speed: { ...EQUAL.speed, perFile: 0.001 } }
    const tasks = { tasks: 1000 }
    const plan = planCampaign({ ...many, small: { task: TASK, workers: tasks } })
    expect(plan.bottleneck).toBe('S3 reads of a prefix')
    expect(plan.stages.map(({ name }) => name)).toContain('publisher')
    const heavy = { ...EQUAL, files: 1e5, bytes: 1e17, bigFrom: 1e18, route: 'efs-efs' as const }
    expect(planCampaign({ ...heavy, small: { task: TASK, workers: { tasks: 10_000_000 } } }).bottleneck).toBe(
      'EFS writes',
    )
  })
})

describe('seconds for a file', () => {
  it('fit the benchmark they come from within 15 %', () => {
    const here = { ...MEASURED, network: Infinity }
    for (const [bytes, seconds] of [
      [211e6, 8.1],
      [228e6, 7.8],
      [2.1e6, 1.4],
    ] as const)
      expect(Math.abs(fileSeconds(bytes, TASK, here) / seconds - 1)).toBeLessThan(0.15)
  })

  it('are more on one vCPU, and not fewer on eight', () => {
    const on = (vcpu: number): number =>
      fileSeconds(1e9, { ...TASK, vcpu }, { ...MEASURED, network: Infinity })
    expect(on(1)).toBe(2 * on(2))
    expect(on(8)).toBe(on(2))
  })
})

describe('sizes', () => {
  const sizes = { files: 1_000_000, bytes: 20e12, spread: 1.5 }

  it('lose no file and no byte when they are split', () => {
    const { small, big } = splitSizes(sizes, 1.5e9)
    expect(small.files + big.files).toBe(sizes.files)
    expect(small.bytes + big.bytes).toBe(sizes.bytes)
    expect(big.bytes / big.files).toBeGreaterThan(1.5e9)
    expect(small.bytes / small.files).toBeLessThan(1.5e9)
  })

  it('are split where a known distribution says', () => {
    // The median, exp(μ): half of the files are above, and Φ(σ) of the bytes.
    const median = (sizes.bytes / sizes.files) * Math.exp(-(1.5 ** 2) / 2)
    const { big } = splitSizes(sizes, median)
    expect(big.files).toBe(500_000)
    expect(big.bytes / sizes.bytes).toBeCloseTo(0.9331928, 6)
  })

  it('are all in one queue when they are equal', () => {
    expect(splitSizes({ ...sizes, spread: 0 }, 20e6).small.files).toBe(0)
    expect(splitSizes({ ...sizes, spread: 0 }, 20e6 + 1).big.files).toBe(0)
  })

  it('have a biggest one that is no bigger than all together', () => {
    expect(biggestSize({ files: 1, bytes: 5, spread: 1.5 })).toBe(5)
    expect(biggestSize({ files: 2, bytes: 5, spread: 3 })).toBeLessThanOrEqual(5)
    expect(biggestSize(sizes)).toBeGreaterThan(1.5e9)
  })
})

describe('prices', () => {
  it('are those of an hour: vCPUs, memory, and disk over 20 GB', () => {
    const task = { vcpu: 4, memoryGb: 16, storageGb: 200 }
    expect(taskHourPrice(task, 'arm64')).toBeCloseTo(4 * 0.03238 + 16 * 0.00356 + 180 * 0.000111, 9)
    expect(taskHourPrice({ ...task, storageGb: 20 }, 'x64')).toBeCloseTo(4 * 0.04048 + 16 * 0.004445, 9)
  })
})

describe('duckfleet plan', () => {
  it('prints one object as JSON', async () => {
    const { out, code } = await run('--files', '1000', '--bytes', '10GB', '--json')
    expect(out).toHaveLength(1)
    const plan: unknown = JSON.parse(out[0] ?? '')
    expect(plan).toMatchObject({
      late: false,
      small: { files: 1000, tasks: 20 },
      bottleneck: 'small workers',
    })
    expect(code).toBe(0)
  })

  it('says so, with status 1, when it cannot be done in time', async () => {
    const { err, code } = await run('--files', '2000', '--bytes', '20TB', '--hours', '1')
    expect(err).toEqual(['this takes longer than 1 hours: big workers'])
    expect(code).toBe(1)
  })

  it.each([
    [['--files', '1.5', '--bytes', '1GB'], '"1.5" is no whole number for --files'],
    [['--files', '0', '--bytes', '1GB'], '"0" is no number for --files; give 1 to 1000000000'],
    [['--files', '9', '--bytes', 'much'], '"much" is not a size'],
    [['--files', '9', '--bytes', '1GB', '--hours', ''], '"" is no number for --hours'],
    [['--files', '9', '--bytes', '1GB', '--network', '0'], '--network of 0 moves nothing'],
    [['--files', '9', '--bytes', '1GB', '--spot-saving', '60'], '"60" is no number for --spot-saving'],
  ])('refuses %j', async (args, message) => {
    await expect(run(...args)).rejects.toThrow(message)
  })
})

describe('docs/scaling.md', () => {
  const text = readFileSync(new URL('../../docs/scaling.md', import.meta.url), 'utf8')
  const examples = [...text.matchAll(/<!-- plan: (.*?) -->\n\n```\n([^]*?)```/g)]

  it('has three examples', () => {
    expect(examples).toHaveLength(3)
  })

  it.each(examples.map(([, args = '', shown = '']) => [args, shown]))(
    'shows what the command prints: %s',
    async (args, shown) => {
      const { out, err } = await run(...args.split(' '))
      expect(shown).toBe([`$ duckfleet plan ${args}`, ...out, ...err, ''].join('\n'))
    },
  )
})
