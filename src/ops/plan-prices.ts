/**
 * AWS list prices of us-east-1 in US dollars, as of June 2026: Fargate, Linux; S3 Standard; EFS Regional, Elastic
 * Throughput. They change: check https://aws.amazon.com/fargate/pricing, /s3/pricing and /efs/pricing before you lean on
 * them. Fargate Spot has no list price, so savings by it are given as a share.
 */
export const PRICES = {
  asOf: '2026-06',
  region: 'us-east-1',
  fargate: {
    arm64: { vcpuHour: 0.03238, gbHour: 0.00356 },
    x64: { vcpuHour: 0.04048, gbHour: 0.004445 },
    /** GB of ephemeral storage beyond the first 20. */
    storageGbHour: 0.000111,
    storageFree: 20,
  },
  /** A list costs as much as a write. */
  s3: { put: 0.005 / 1000, get: 0.0004 / 1000 },
  efs: { readGb: 0.03, writeGb: 0.06 },
} as const

export type Architecture = keyof typeof PRICES.fargate & ('arm64' | 'x64')

/** What one task is given. */
export interface TaskSize {
  readonly vcpu: number
  readonly memoryGb: number
  readonly storageGb: number
}

/** US dollars for an hour of a task. */
export function taskHourPrice(task: TaskSize, architecture: Architecture): number {
  const { storageGbHour, storageFree, [architecture]: rate } = PRICES.fargate
  const storage = Math.max(0, task.storageGb - storageFree) * storageGbHour
  return task.vcpu * rate.vcpuHour + task.memoryGb * rate.gbHour + storage
}
