import { Stack } from 'aws-cdk-lib'
import { Match } from 'aws-cdk-lib/assertions'
import type { Template } from 'aws-cdk-lib/assertions'
import { Bucket } from 'aws-cdk-lib/aws-s3'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createApp } from '../lib/app.js'
import { permissionLines, resourcesOf, synthesize, temporaryFolder } from './support.js'

let template: Template
beforeAll(() => {
  template = synthesize()
}, 120_000)

const container = z.object({
  Name: z.string(),
  User: z.string(),
  ReadonlyRootFilesystem: z.boolean(),
  StopTimeout: z.number(),
  Privileged: z.boolean().optional(),
  Environment: z.array(z.object({ Name: z.string(), Value: z.string() })),
  Secrets: z.unknown().optional(),
  HealthCheck: z.object({ Command: z.array(z.string()) }).optional(),
  LinuxParameters: z.object({
    InitProcessEnabled: z.boolean(),
    Capabilities: z.object({ Drop: z.array(z.string()), Add: z.array(z.string()).optional() }),
  }),
  LogConfiguration: z.object({ LogDriver: z.string() }),
  MountPoints: z.array(z.object({ ContainerPath: z.string(), ReadOnly: z.boolean() })),
  EntryPoint: z.array(z.string()).optional(),
  Command: z.array(z.string()).optional(),
})
const task = z.object({
  Family: z.string(),
  ContainerDefinitions: z.tuple([container]),
  Volumes: z.array(z.object({ Name: z.string(), EFSVolumeConfiguration: z.unknown().optional() })),
})

function tasks(): (z.output<typeof task> & { readonly container: z.output<typeof container> })[] {
  return resourcesOf(template, 'AWS::ECS::TaskDefinition').map(({ Properties }) => {
    const read = task.parse(Properties)
    return { ...read, container: read.ContainerDefinitions[0] }
  })
}

describe('permissions', () => {
  const RAW = 'arn:aws:s3:::perform-dev-raw'
  const DUCK = 'arn:aws:s3:::perform-dev-atomicduck'
  const HERE = 'us-east-1:000000000000'
  const RABBIT = `arn:aws:secretsmanager:${HERE}:secret:perform_rabbitmq_dev-??????`
  const DATABASE = `arn:aws:secretsmanager:${HERE}:secret:perform_database_dev-??????`
  const FILES = `arn:aws:elasticfilesystem:${HERE}:file-system/fs-00000000000000000`
  const POINT = `{"StringEquals":{"elasticfilesystem:AccessPointArn":"arn:aws:elasticfilesystem:${HERE}:access-point/fsap-00000000000000000"}}`
  const listSources = `ListSources | Allow | s3:ListBucket | ${RAW} | {"StringLike":{"s3:prefix":["tracker-migration/*"]}}`
  const listDestinations = `ListDestinations | Allow | s3:ListBucket | ${DUCK}`
  const readDestinations = `ReadDestinations | Allow | s3:GetObject | ${DUCK}/*`
  const readFiles = `ReadFiles | Allow | elasticfilesystem:ClientMount | ${FILES} | ${POINT}`
  const bothSecrets = `ReadSecrets | Allow | secretsmanager:GetSecretValue | ${RABBIT} ${DATABASE}`
  const brokerSecret = `ReadSecrets | Allow | secretsmanager:GetSecretValue | ${RABBIT}`
  const worker = [
    listSources,
    `ReadSources | Allow | s3:GetObject | ${RAW}/tracker-migration/*`,
    listDestinations,
    `WriteDestinations | Allow | s3:AbortMultipartUpload s3:GetObject s3:PutObject | ${DUCK}/*`,
    `FindStrandedUploads | Allow | s3:ListBucketMultipartUploads | ${DUCK}`,
    `NeverTouchSources | Deny | s3:DeleteObject s3:DeleteObjectVersion s3:PutObject | ${RAW}/tracker-migration/*`,
    `WriteFiles | Allow | elasticfilesystem:ClientMount elasticfilesystem:ClientWrite | ${FILES} | ${POINT}`,
    brokerSecret,
    `ProtectItself | Allow | ecs:UpdateTaskProtection | arn:aws:ecs:${HERE}:task/duckfleet-dev/*`,
  ]
  const ECR = `arn:aws:ecr:${HERE}:repository`
  const TABLE: Readonly<Record<string, readonly string[]>> = {
    SmallRole: worker,
    BigRole: worker,
    PublisherS3S3Role: [listSources, listDestinations, readDestinations, bothSecrets],
    PublisherEfsEfsRole: [readFiles, bothSecrets],
    PublisherS3EfsRole: [listSources, readFiles, bothSecrets],
    PublisherEfsS3Role: [listDestinations, readDestinations, readFiles, bothSecrets],
    DepthRole: [
      brokerSecret,
      'PublishDepth | Allow | cloudwatch:PutMetricData | * | {"StringEquals":{"cloudwatch:namespace":"duckfleet/dev"}}',
    ],
    DepthScheduleRole: [
      `RunDepthTask | Allow | ecs:RunTask | <DepthTask> | {"ArnEquals":{"ecs:cluster":"arn:aws:ecs:${HERE}:cluster/duckfleet-dev"}}`,
      'GiveItItsRoles | Allow | iam:PassRole | <DepthRole.Arn> <ExecutionRole.Arn> | {"StringEquals":{"iam:PassedToService":"ecs-tasks.amazonaws.com"}}',
    ],
    ExecutionRole: [
      `PullImages | Allow | ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer | ${ECR}/duckfleet-small ${ECR}/duckfleet-big`,
      'LogInToRegistry | Allow | ecr:GetAuthorizationToken | *',
      'WriteLogs | Allow | logs:CreateLogStream logs:PutLogEvents | <Logs.Arn>',
    ],
  }

  it('are those of this table, and no others', () => {
    const expected = Object.entries(TABLE).flatMap(([name, lines]) =>
      lines.map((line) => `${name} | ${line}`),
    )
    expect(permissionLines(template).sort()).toEqual(expected.sort())
    template.resourceCountIs('AWS::IAM::Policy', 0)
    template.resourceCountIs('AWS::IAM::ManagedPolicy', 0)
  })

  it('have no resource * but for the two actions that know no other', () => {
    const wild = permissionLines(template).filter((line) => / \| \*( |$)/.test(line))
    expect(wild.map((line) => line.split(' | ')[3])).toEqual([
      'ecr:GetAuthorizationToken',
      'cloudwatch:PutMetricData',
    ])
  })

  it('have no wildcard among their actions', () => {
    for (const line of permissionLines(template)) expect(line.split(' | ')[3]).not.toContain('*')
  })

  it('go to nobody but tasks and schedules of this account', () => {
    for (const { Properties } of resourcesOf(template, 'AWS::IAM::Role')) {
      const trust = JSON.stringify(Properties['AssumeRolePolicyDocument'])
      expect(trust).toMatch(/"Service":"(ecs-tasks|scheduler)\.amazonaws\.com"/)
      expect(trust).toContain('"aws:SourceAccount":"000000000000"')
      expect(Properties).not.toHaveProperty('ManagedPolicyArns')
    }
  })
})

describe('the network', () => {
  it('lets nobody in: our groups have no ingress, and others get rules for our groups only', () => {
    for (const { Properties } of resourcesOf(template, 'AWS::EC2::SecurityGroup'))
      expect(Properties).not.toHaveProperty('SecurityGroupIngress')
    const rules = resourcesOf(template, 'AWS::EC2::SecurityGroupIngress')
    expect(
      rules.map(
        ({ id, Properties }) => `${id} ${String(Properties['GroupId'])} ${String(Properties['FromPort'])}`,
      ),
    ).toEqual([
      'WorkerGroupToBroker sg-00000000000000002 5671',
      'WorkerGroupToFiles sg-00000000000000001 2049',
      'PublisherGroupToBroker sg-00000000000000002 5671',
      'PublisherGroupToDatabase sg-00000000000000003 5432',
      'PublisherGroupToFiles sg-00000000000000001 2049',
      'DepthGroupToBroker sg-00000000000000002 5671',
      'DepthGroupToBrokerManagement sg-00000000000000002 443',
    ])
    for (const { Properties } of rules) {
      expect(Properties).toHaveProperty('SourceSecurityGroupId')
      expect(Object.keys(Properties).filter((name) => name.startsWith('Cidr'))).toEqual([])
    }
  })

  it('lets tasks out to HTTPS, and to the ports of what they need', () => {
    for (const { Properties } of resourcesOf(template, 'AWS::EC2::SecurityGroup')) {
      const egress = z
        .array(z.object({ CidrIp: z.string().optional(), FromPort: z.number() }))
        .parse(Properties['SecurityGroupEgress'])
      expect(egress.filter(({ CidrIp }) => CidrIp !== undefined)).toEqual([
        { CidrIp: '0.0.0.0/0', FromPort: 443 },
      ])
    }
  })

  it('gives no task a public address', () => {
    template.allResourcesProperties('AWS::ECS::Service', {
      NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } },
    })
    template.hasResourceProperties('AWS::Scheduler::Schedule', {
      Target: {
        EcsParameters: { NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } } },
      },
    })
  })
})

describe('tasks', () => {
  it('are two workers, the depth task, and a publisher for each route', () => {
    expect(
      tasks()
        .map(({ Family }) => Family)
        .sort(),
    ).toEqual([
      'duckfleet-dev-depth',
      'duckfleet-dev-publish-efs-efs',
      'duckfleet-dev-publish-efs-s3',
      'duckfleet-dev-publish-s3-efs',
      'duckfleet-dev-publish-s3-s3',
      'migrate-duck-big-dev',
      'migrate-duck-small-dev',
    ])
  })

  it('run as no root, without capabilities, on a read-only root, and have 120 seconds to stop', () => {
    for (const { container: it } of tasks()) {
      expect(it.User).toBe('1000:1000')
      expect(it.ReadonlyRootFilesystem).toBe(true)
      expect(it.Privileged).not.toBe(true)
      expect(it.StopTimeout).toBe(120)
      expect(it.LinuxParameters).toEqual({ InitProcessEnabled: true, Capabilities: { Drop: ['ALL'] } })
      expect(it.LogConfiguration.LogDriver).toBe('awslogs')
      expect(it.MountPoints.filter(({ ReadOnly }) => !ReadOnly).map((mount) => mount.ContainerPath)).toEqual(
        expect.arrayContaining(['/batch_download', '/batch_upload', '/tmp']),
      )
    }
  })

  it('mount EFS with encryption, by the access point, as their own role; publishers cannot write there', () => {
    for (const { Family, Volumes, container: it } of tasks()) {
      const mount = it.MountPoints.find(({ ContainerPath }) => ContainerPath === '/mnt/efs')
      const volume = Volumes.find(({ Name }) => Name === 'files')
      if (/depth|publish-s3-s3/.test(Family)) {
        expect([mount, volume]).toEqual([undefined, undefined])
        continue
      }
      expect(mount?.ReadOnly).toBe(Family.includes('publish'))
      expect(volume?.EFSVolumeConfiguration).toEqual({
        FilesystemId: 'fs-00000000000000000',
        TransitEncryption: 'ENABLED',
        AuthorizationConfig: { AccessPointId: 'fsap-00000000000000000', IAM: 'ENABLED' },
      })
    }
  })

  it('have names of secrets in their environment, and no secret', () => {
    for (const { container: it } of tasks()) {
      const environment = Object.fromEntries(it.Environment.map(({ Name, Value }) => [Name, Value]))
      expect(environment).toMatchObject({ ENVIRONMENT: 'dev', RABBIT_SECRET: 'perform_rabbitmq_dev' })
      expect(Object.keys(environment).filter((name) => /PASSWORD|TOKEN|_URL$/.test(name))).toEqual([])
    }
  })

  it('of workers are checked for health by asking /healthz', () => {
    const workers = tasks().filter(({ Family }) => Family.startsWith('migrate-duck'))
    expect(workers).toHaveLength(2)
    for (const { container: it } of workers)
      expect(it.HealthCheck?.Command.join(' ')).toContain('http://127.0.0.1:9090/healthz')
  })

  it('of publishers and of the depth task start what the images hold', () => {
    const starts = tasks().flatMap(({ container: it }) =>
      [...(it.EntryPoint ?? []), ...(it.Command ?? [])].join(' '),
    )
    expect(starts.filter((line) => line !== '').sort()).toEqual([
      'node /app/dist/publishers/migrate-duckdb-efs-efs.js --env dev',
      'node /app/dist/publishers/migrate-duckdb-efs-s3.js --env dev',
      'node /app/dist/publishers/migrate-duckdb-s3-efs.js --env dev',
      'node /app/dist/publishers/migrate-duckdb-s3-s3.js --env dev',
      'node /app/dist/src/cli/main.js queues --env dev --cloudwatch',
    ])
  })
})

describe('services', () => {
  it('roll a deployment back that does not come up, and leave their number of tasks to scaling', () => {
    const services = resourcesOf(template, 'AWS::ECS::Service')
    expect(services.map(({ Properties }) => Properties['ServiceName'])).toEqual([
      'migrate-duck-small',
      'migrate-duck-big',
    ])
    for (const { Properties } of services) {
      expect(Properties['DeploymentConfiguration']).toMatchObject({
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
        MinimumHealthyPercent: 100,
      })
      expect(Properties).not.toHaveProperty('DesiredCount')
      expect(Properties['EnableExecuteCommand']).toBe(false)
    }
  })

  it('use Spot for small files only', () => {
    const strategies = resourcesOf(template, 'AWS::ECS::Service').map(({ Properties }) =>
      JSON.stringify(Properties['CapacityProviderStrategy']),
    )
    expect(strategies).toEqual([
      '[{"CapacityProvider":"FARGATE_SPOT","Weight":1}]',
      '[{"CapacityProvider":"FARGATE","Weight":1}]',
    ])
  })

  it('have disks that hold source, intermediate and target', () => {
    template.hasResourceProperties('AWS::ECS::TaskDefinition', {
      Family: 'migrate-duck-big-dev',
      EphemeralStorage: { SizeInGiB: 200 },
      Cpu: '4096',
      Memory: '16384',
      RuntimePlatform: { CpuArchitecture: 'ARM64' },
    })
  })
})

describe('what is kept', () => {
  it('is a log group with retention that outlives the stack', () => {
    template.hasResource('AWS::Logs::LogGroup', {
      Properties: { RetentionInDays: 30 },
      DeletionPolicy: 'Retain',
    })
  })

  it('is nobody else’s: buckets, network, broker and database are not made', () => {
    for (const type of [
      'S3::Bucket',
      'EC2::VPC',
      'AmazonMQ::Broker',
      'RDS::DBInstance',
      'EFS::FileSystem',
      'Lambda::Function',
    ])
      template.resourceCountIs(`AWS::${type}`, 0)
  })
})

describe('alarms for people', () => {
  it.each([
    ['duckfleet-dev-small-failed', 0, 1, 'ignore'],
    ['duckfleet-dev-small-oldest-message', 43_200, 5, 'ignore'],
    ['duckfleet-dev-small-no-consumers', 0, 15, 'ignore'],
    ['duckfleet-dev-big-failed', 0, 1, 'ignore'],
    ['duckfleet-dev-big-oldest-message', 86_400, 5, 'ignore'],
    ['duckfleet-dev-big-no-consumers', 0, 15, 'ignore'],
  ])('%s goes off over %i, for %i minutes', (name, threshold, periods, missing) => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmName: name,
      Threshold: threshold,
      ComparisonOperator: 'GreaterThanThreshold',
      EvaluationPeriods: periods,
      TreatMissingData: missing,
      AlarmActions: Match.absent(),
    })
  })

  it.each([
    ['small', 'migrate_duckdb_release'],
    ['big', 'migrate_duckdb_release_big'],
  ])('of the oldest message of the %s queue read what the task puts for %s', (size, queue) => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmName: `duckfleet-dev-${size}-oldest-message`,
      Namespace: 'duckfleet/dev',
      MetricName: 'OldestMessageSeconds',
      Dimensions: [{ Name: 'Queue', Value: queue }],
      Statistic: 'Maximum',
      Period: 60,
    })
  })

  it('tell when messages wait and no worker takes them, whatever their age', () => {
    for (const size of ['small', 'big'])
      template.hasResourceProperties('AWS::CloudWatch::Alarm', {
        AlarmName: `duckfleet-dev-${size}-no-consumers`,
        Metrics: Match.arrayWith([Match.objectLike({ Expression: 'IF(ready > 0 AND consumers < 1, 1, 0)' })]),
      })
  })

  it('tell when nothing measures the queues', () => {
    for (const size of ['small', 'big'])
      template.hasResourceProperties('AWS::CloudWatch::Alarm', {
        AlarmName: `duckfleet-dev-${size}-no-figures`,
        EvaluationPeriods: 10,
        TreatMissingData: 'breaching',
      })
  })
})

describe('cdk-nag', () => {
  it('stops the synthesis where a rule is broken without a reason', () => {
    const app = createApp(temporaryFolder())
    new Bucket(new Stack(app, 'careless'), 'Open')
    expect(() => app.synth()).toThrow(/AwsSolutions-S10/)
  })
})
