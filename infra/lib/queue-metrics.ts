import { Duration } from 'aws-cdk-lib'
import { MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch'
import { metricNamespace } from './names.js'
import type { Settings } from './settings.js'

export type Size = 'small' | 'big'

/** Names of the metrics that `duckfleet queues --cloudwatch` publishes, each with the dimension `Queue`. */
export type QueueMetric = 'Ready' | 'InWork' | 'Failed' | 'OldestMessageSeconds' | 'Consumers'

/** Metrics are seldom newer than a minute or two, so nothing is decided on less than this. */
export function periodOf({ depthEveryMinutes }: Settings): Duration {
  return Duration.minutes(depthEveryMinutes)
}

export function queueName({ queue }: Settings, size: Size): string {
  return size === 'small' ? queue : `${queue}_big`
}

export function queueMetric(settings: Settings, size: Size, metricName: QueueMetric): Metric {
  return new Metric({
    namespace: metricNamespace(settings.env),
    metricName,
    dimensionsMap: { Queue: queueName(settings, size) },
    statistic: 'Maximum',
    period: periodOf(settings),
  })
}

/** An expression over `ready`, `inWork` and `consumers` of a queue: those that it names are asked for. */
export function queueExpression(settings: Settings, size: Size, expression: string): MathExpression {
  const all: Readonly<Record<string, QueueMetric>> = {
    ready: 'Ready',
    inWork: 'InWork',
    consumers: 'Consumers',
  }
  const named = Object.entries(all).filter(([name]) => new RegExp(`\\b${name}\\b`).test(expression))
  return new MathExpression({
    expression,
    label: expression,
    period: periodOf(settings),
    usingMetrics: Object.fromEntries(
      named.map(([name, metric]) => [name, queueMetric(settings, size, metric)]),
    ),
  })
}
