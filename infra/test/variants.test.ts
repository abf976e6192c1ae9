import type { Template } from 'aws-cdk-lib/assertions'
import { beforeAll, describe, expect, it } from 'vitest'
import { settingsOf } from '../config.js'
import { permissionLines, resourcesOf, synthesize } from './support.js'

const KEY = 'arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555'
const TOPIC = 'arn:aws:sns:us-east-1:000000000000:duckfleet'
let template: Template

beforeAll(() => {
  const { sourceBucket, logs, alarms } = settingsOf('dev')
  template = synthesize({
    network: { create: true, cidr: '10.20.0.0/16', zones: ['us-east-1a', 'us-east-1b'] },
    sourceBucket: { ...sourceBucket, keyArn: KEY },
    destinationBucket: { name: 'made-here', prefixes: ['new/'], create: true, keyArn: KEY },
    fileSystem: undefined,
    secretsKeyArn: KEY,
    logs: { ...logs, keyArn: KEY },
    alarms: { ...alarms, topicArn: TOPIC },
  })
}, 120_000)

describe('what is made when it is asked for', () => {
  it('is a bucket that is private, encrypted, kept, and rid of stranded uploads', () => {
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      Properties: {
        BucketName: 'made-here',
        VersioningConfiguration: { Status: 'Enabled' },
        PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
        LifecycleConfiguration: {
          Rules: [
            {
              Id: 'stranded-uploads',
              Status: 'Enabled',
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
            },
          ],
        },
      },
    })
    expect(JSON.stringify(resourcesOf(template, 'AWS::S3::BucketPolicy'))).toContain(
      '"aws:SecureTransport":"false"',
    )
  })

  it('is a network with flow logs, and a way to S3 that costs nothing', () => {
    template.resourceCountIs('AWS::EC2::VPC', 1)
    template.resourceCountIs('AWS::EC2::FlowLog', 1)
    template.hasResourceProperties('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Gateway' })
  })
})

describe('keys', () => {
  it('are used by the tasks that need them, through the service they are for', () => {
    const lines = permissionLines(template).filter((line) => line.includes('kms:'))
    const via = (service: string): string =>
      `{"StringEquals":{"kms:ViaService":"${service}.us-east-1.amazonaws.com"}}`
    expect(lines.filter((line) => line.startsWith('SmallRole')).sort()).toEqual([
      `SmallRole | DecryptSecrets | Allow | kms:Decrypt | ${KEY} | ${via('secretsmanager')}`,
      `SmallRole | DecryptSources | Allow | kms:Decrypt | ${KEY} | ${via('s3')}`,
      `SmallRole | UseDestinationKey | Allow | kms:Decrypt kms:GenerateDataKey | ${KEY} | ${via('s3')}`,
    ])
    expect(lines.filter((line) => line.startsWith('DepthRole'))).toHaveLength(1)
  })

  it('encrypt the logs', () => {
    template.hasResourceProperties('AWS::Logs::LogGroup', { LogGroupName: '/duckfleet/dev', KmsKeyId: KEY })
  })
})

describe('an environment without EFS', () => {
  it('has no routes from or to it, and no permission for it', () => {
    const families = resourcesOf(template, 'AWS::ECS::TaskDefinition').map(
      ({ Properties }) => Properties['Family'],
    )
    expect(families.filter((name) => String(name).includes('publish'))).toEqual([
      'duckfleet-dev-publish-s3-s3',
    ])
    expect(permissionLines(template).join('\n')).not.toContain('elasticfilesystem')
  })
})

describe('a topic', () => {
  it('hears of every alarm for people, and of its end', () => {
    const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').filter(
      ({ Properties }) => Properties['AlarmName'] !== undefined,
    )
    expect(alarms).toHaveLength(8)
    for (const { Properties } of alarms)
      expect([Properties['AlarmActions'], Properties['OKActions']]).toEqual([[TOPIC], [TOPIC]])
  })
})

describe('prefixes of a destination', () => {
  it('bound what is listed, read and written there', () => {
    const lines = permissionLines(template).filter((line) => line.startsWith('SmallRole'))
    expect(lines).toContain(
      'SmallRole | ListDestinations | Allow | s3:ListBucket | arn:aws:s3:::made-here | {"StringLike":{"s3:prefix":["new/*"]}}',
    )
    expect(lines).toContain(
      'SmallRole | FindStrandedUploads | Allow | s3:ListBucketMultipartUploads | arn:aws:s3:::made-here | {"StringLike":{"s3:prefix":["new/*"]}}',
    )
  })
})
