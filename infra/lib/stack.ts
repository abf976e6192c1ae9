import { CfnOutput, RemovalPolicy, Stack, Tags } from 'aws-cdk-lib'
import { Cluster, ContainerInsights } from 'aws-cdk-lib/aws-ecs'
import { Key } from 'aws-cdk-lib/aws-kms'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { createAlarms } from './alarms.js'
import { createBuckets } from './buckets.js'
import { createDepth } from './depth.js'
import { clusterName } from './names.js'
import { createNetwork } from './network.js'
import { executionPermissions } from './permissions.js'
import { createPublishers } from './publishers.js'
import { createRole } from './role.js'
import { createScaling } from './scaling.js'
import { createService } from './service.js'
import type { Settings } from './settings.js'

const SIZES = [
  { size: 'small', id: 'Small' },
  { size: 'big', id: 'Big' },
] as const

/** Everything that the fleet of one environment runs on. */
export function createStack(scope: Construct, settings: Settings): Stack {
  const { env, account, region } = settings
  const stack = new Stack(scope, `duckfleet-${env}`, {
    env: { account, region },
    description: `duckfleet ${env}: workers that upgrade DuckDB files`,
    terminationProtection: env === 'prod',
  })
  Tags.of(stack).add('application', 'duckfleet')
  Tags.of(stack).add('environment', env)

  createBuckets(stack, settings)
  const network = createNetwork(stack, settings)
  const cluster = new Cluster(stack, 'Cluster', {
    clusterName: clusterName(env),
    vpc: network.vpc,
    containerInsightsV2: ContainerInsights.ENABLED,
    enableFargateCapacityProviders: true,
  })
  const logGroup = createLogGroup(stack, settings)
  const permissions = executionPermissions(settings, [logGroup.logGroupArn])
  const executionRole = createRole(stack, 'ExecutionRole', settings, permissions)
  const deps = { cluster, network, executionRole, logGroup }

  for (const { size, id } of SIZES) {
    const service = createService(stack, id, settings, size, deps)
    createScaling(stack, id, settings, size, { cluster, service })
    createAlarms(stack, id, settings, size)
    new CfnOutput(stack, `${id}ServiceName`, { value: service.serviceName })
  }
  createDepth(stack, settings, deps)
  createPublishers(stack, settings, deps)

  // What a publisher is run with: see the README.
  new CfnOutput(stack, 'ClusterName', { value: cluster.clusterName })
  new CfnOutput(stack, 'Subnets', { value: network.subnets.map(({ subnetId }) => subnetId).join(',') })
  new CfnOutput(stack, 'PublisherSecurityGroup', { value: network.publishers.securityGroupId })
  return stack
}

function createLogGroup(scope: Construct, { env, logs }: Settings): LogGroup {
  return new LogGroup(scope, 'Logs', {
    logGroupName: `/duckfleet/${env}`,
    retention: logs.retentionDays,
    removalPolicy: RemovalPolicy.RETAIN,
    ...(logs.keyArn === undefined ? {} : { encryptionKey: Key.fromKeyArn(scope, 'LogsKey', logs.keyArn) }),
  })
}
