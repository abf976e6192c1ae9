import type { QueueFigures } from './queue-figures.js'

/** Alarms and scaling rules name them. */
type MetricName = 'Ready' | 'InWork' | 'Failed' | 'OldestMessageSeconds' | 'Consumers'

/** A figure for CloudWatch, with the dimension `Queue`. */
export interface DepthMetric {
  readonly name: MetricName
  /** The work queue, also of what failed. */
  readonly queue: string
  readonly value: number
  readonly unit: 'Count' | 'Seconds'
}

/** What is not known is left out: a figure that is missing is no zero. */
export function metricsOf(figures: readonly QueueFigures[]): readonly DepthMetric[] {
  return figures
    .filter(({ kind }) => kind === 'work')
    .flatMap(({ queue, size, ready, inWork, consumers, oldestSeconds }) => {
      const failed = figures.find((other) => other.size === size && other.kind === 'failed')?.ready ?? null
      const all: readonly (readonly [MetricName, number | null])[] = [
        ['Ready', ready],
        ['InWork', inWork],
        ['Failed', failed],
        ['OldestMessageSeconds', oldestSeconds],
        ['Consumers', consumers],
      ]
      return all.flatMap(([name, value]) =>
        value === null
          ? []
          : [{ name, queue, value, unit: name === 'OldestMessageSeconds' ? 'Seconds' : 'Count' } as const],
      )
    })
}
