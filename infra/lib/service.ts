import { Duration } from 'aws-cdk-lib'
import { FargatePlatformVersion, FargateService } from 'aws-cdk-lib/aws-ecs'
import type { Cluster, HealthCheck } from 'aws-cdk-lib/aws-ecs'
import type { IRole } from 'aws-cdk-lib/aws-iam'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import type { Network } from './network.js'
import { workerPermissions } from './permissions.js'
import { queueName } from './queue-metrics.js'
import type { Size } from './queue-metrics.js'
import { createRole } from './role.js'
import type { Settings } from './settings.js'
import { createTask, fileEnvironment } from './task.js'

const METRICS_PORT = 9090

/** ECS heeds only this one, not that of the image. */
const HEALTH_CHECK: HealthCheck = {
  command: [
    'CMD',
    'node',
    '-e',
    `fetch('http://127.0.0.1:${METRICS_PORT}/healthz', { signal: AbortSignal.timeout(4000) })` +
      '.then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))',
  ],
  interval: Duration.seconds(30),
  timeout: Duration.seconds(5),
  startPeriod: Duration.seconds(60),
  retries: 3,
}

export interface ServiceDeps {
  readonly cluster: Cluster
  readonly network: Network
  readonly executionRole: IRole
  readonly logGroup: ILogGroup
}

/** The workers of one queue. How many there are is nobody's business but that of scaling. */
export function createService(
  scope: Construct,
  id: string,
  settings: Settings,
  size: Size,
  { cluster, network, executionRole, logGroup }: ServiceDeps,
): FargateService {
  const wanted = settings.services[size]
  const task = createTask(scope, `${id}Task`, settings, {
    family: `${wanted.name}-${settings.env}`,
    image: wanted.image,
    cpu: wanted.cpu,
    memoryMiB: wanted.memoryMiB,
    ephemeralGiB: wanted.ephemeralGiB,
    taskRole: createRole(scope, `${id}Role`, settings, workerPermissions(settings)),
    executionRole,
    logGroup,
    files: 'write',
    healthCheck: HEALTH_CHECK,
    environment: {
      // Left to the image where it is not of this environment.
      ...wanted.environment,
      ENVIRONMENT: settings.env,
      AWS_REGION: settings.region,
      RABBIT_SECRET: settings.broker.secretName,
      SOURCE_BUCKET: settings.sourceBucket.name,
      DESTINATION_BUCKET: settings.destinationBucket.name,
      QUEUE_NAME: queueName(settings, size),
      JOB_DEADLINE_MINUTES: String(wanted.jobDeadlineMinutes),
      GRACE_SECONDS: '100',
      METRICS_PORT: String(METRICS_PORT),
      ...fileEnvironment(settings),
    },
  })
  return new FargateService(scope, id, {
    serviceName: wanted.name,
    cluster,
    taskDefinition: task,
    platformVersion: FargatePlatformVersion.VERSION1_4,
    vpcSubnets: { subnets: [...network.subnets] },
    securityGroups: [network.workers],
    assignPublicIp: false,
    capacityProviderStrategies: [{ capacityProvider: wanted.spot ? 'FARGATE_SPOT' : 'FARGATE', weight: 1 }],
    circuitBreaker: { enable: true, rollback: true },
    minHealthyPercent: 100,
    maxHealthyPercent: 200,
    enableExecuteCommand: false,
  })
}
