import type { Settings } from './settings.js'

type Place = Pick<Settings, 'account' | 'region'>

/** The partition of a region: ARNs begin with it. */
function partition(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn'
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
}

export function arn({ account, region }: Place, service: string, resource: string): string {
  return `arn:${partition(region)}:${service}:${region}:${account}:${resource}`
}

/** Of a service without regions. */
export function globalArn({ account, region }: Place, service: string, resource: string): string {
  return `arn:${partition(region)}:${service}::${account}:${resource}`
}

/** Buckets have neither account nor region in their ARNs. */
export function bucketArn({ region }: Place, bucket: string): string {
  return `arn:${partition(region)}:s3:::${bucket}`
}

/** Secrets Manager ends the ARN of every secret with a dash and six characters of its own. */
export function secretArn(place: Place, name: string): string {
  return arn(place, 'secretsmanager', `secret:${name}-??????`)
}

export function clusterName(env: string): string {
  return `duckfleet-${env}`
}

/** CloudWatch namespace of the queues' metrics. */
export function metricNamespace(env: string): string {
  return `duckfleet/${env}`
}
