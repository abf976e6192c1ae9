import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch'
import { AWS_CLIENT, callAws } from './aws.js'
import type { DepthMetric } from './depth-metrics.js'

/** Puts the figures into a namespace of CloudWatch, within `limitMs` milliseconds. Rejects as {@link callAws} does. */
export async function putMetrics(
  namespace: string,
  metrics: readonly DepthMetric[],
  signal: AbortSignal,
  limitMs?: number,
): Promise<void> {
  const client = new CloudWatchClient(AWS_CLIENT)
  const at = new Date()
  const command = new PutMetricDataCommand({
    Namespace: namespace,
    MetricData: metrics.map(({ name, queue, value, unit }) => ({
      MetricName: name,
      Dimensions: [{ Name: 'Queue', Value: queue }],
      Timestamp: at,
      Value: value,
      Unit: unit,
    })),
  })
  const call = {
    problem: `CloudWatch did not take the figures for ${namespace}`,
    hint: 'check the region and the permission cloudwatch:PutMetricData',
  }
  try {
    await callAws(call, (abortSignal) => client.send(command, { abortSignal }), signal, limitMs)
  } finally {
    client.destroy()
  }
}
