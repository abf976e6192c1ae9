import type { Cluster } from 'aws-cdk-lib/aws-ecs'
import type { IRole } from 'aws-cdk-lib/aws-iam'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler'
import type { Construct } from 'constructs'
import { arn, clusterName } from './names.js'
import type { Network } from './network.js'
import { depthPermissions } from './permissions.js'
import { createRole } from './role.js'
import type { Settings } from './settings.js'
import { createTask } from './task.js'

export interface DepthDeps {
  readonly cluster: Cluster
  readonly network: Network
  readonly executionRole: IRole
  readonly logGroup: ILogGroup
}

/** A small task, started by the clock, that measures the queues and tells CloudWatch. */
export function createDepth(
  scope: Construct,
  settings: Settings,
  { cluster, network, executionRole, logGroup }: DepthDeps,
): void {
  const { env, depthEveryMinutes } = settings
  const taskRole = createRole(scope, 'DepthRole', settings, depthPermissions(settings))
  const family = `duckfleet-${env}-depth`
  const task = createTask(scope, 'DepthTask', settings, {
    family,
    image: settings.services.small.image,
    cpu: 256,
    memoryMiB: 512,
    taskRole,
    executionRole,
    logGroup,
    files: 'none',
    environment: {
      ENVIRONMENT: env,
      AWS_REGION: settings.region,
      RABBIT_SECRET: settings.broker.secretName,
      QUEUE_NAME: settings.queue,
    },
    entryPoint: ['node', '/app/dist/src/cli/main.js'],
    command: ['queues', '--env', env, '--cloudwatch'],
  })
  const roleArns = [taskRole.roleArn, executionRole.roleArn]
  const scheduler = createRole(
    scope,
    'DepthScheduleRole',
    settings,
    schedulePermissions(settings, task.taskDefinitionArn, roleArns),
    'scheduler',
  )
  const schedule = new CfnSchedule(scope, 'DepthSchedule', {
    name: family,
    description: `Depth of the queues of ${env}`,
    scheduleExpression: `rate(${depthEveryMinutes} minute${depthEveryMinutes === 1 ? '' : 's'})`,
    flexibleTimeWindow: { mode: 'OFF' },
    target: {
      arn: cluster.clusterArn,
      roleArn: scheduler.roleArn,
      // One that did not start is late already; the next one comes soon.
      retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: 60 },
      ecsParameters: {
        taskDefinitionArn: task.taskDefinitionArn,
        launchType: 'FARGATE',
        networkConfiguration: {
          awsvpcConfiguration: {
            assignPublicIp: 'DISABLED',
            subnets: network.subnets.map(({ subnetId }) => subnetId),
            securityGroups: [network.depth.securityGroupId],
          },
        },
      },
    },
  })
  schedule.node.addDependency(scheduler)
}

function schedulePermissions(
  settings: Settings,
  taskDefinitionArn: string,
  roleArns: readonly string[],
): Parameters<typeof createRole>[3] {
  return [
    {
      sid: 'RunDepthTask',
      effect: 'Allow',
      actions: ['ecs:RunTask'],
      resources: [taskDefinitionArn],
      conditions: {
        ArnEquals: { 'ecs:cluster': arn(settings, 'ecs', `cluster/${clusterName(settings.env)}`) },
      },
    },
    {
      sid: 'GiveItItsRoles',
      effect: 'Allow',
      actions: ['iam:PassRole'],
      resources: roleArns,
      conditions: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    },
  ]
}
