/**
 * Memory that Fargate takes for each number of CPU units, in MiB: least, most, step
 * (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html).
 */
const SIZES: ReadonlyMap<number, readonly [least: number, most: number, step: number]> = new Map([
  [512, [1024, 4096, 1024]],
  [1024, [2048, 8192, 1024]],
  [2048, [4096, 16_384, 1024]],
  [4096, [8192, 30_720, 1024]],
  [8192, [16_384, 61_440, 4096]],
  [16_384, [32_768, 122_880, 8192]],
])

/** Why Fargate has no task of this size, or undefined. */
export function sizeProblem(cpu: number, memoryMiB: number): string | undefined {
  const range = SIZES.get(cpu)
  if (range === undefined) return `cpu ${cpu} is unknown; use one of ${[...SIZES.keys()].join(', ')}`
  const [least, most, step] = range
  if (memoryMiB >= least && memoryMiB <= most && memoryMiB % step === 0) return undefined
  return `memoryMiB ${memoryMiB} does not go with cpu ${cpu}; use ${least} to ${most} in steps of ${step}`
}
