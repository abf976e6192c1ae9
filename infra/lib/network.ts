import { Annotations } from 'aws-cdk-lib'
import { CfnSecurityGroupIngress, GatewayVpcEndpointAwsService, IpAddresses } from 'aws-cdk-lib/aws-ec2'
import { FlowLogDestination, Peer, Port, SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2'
import type { ISubnet, IVpc } from 'aws-cdk-lib/aws-ec2'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { flowLogPermissions } from './permissions.js'
import { createRole } from './role.js'
import type { Settings } from './settings.js'

/** Where tasks run, and what they may talk to. Nobody talks to them. */
export interface Network {
  readonly vpc: IVpc
  readonly subnets: readonly ISubnet[]
  /** Of workers: broker and EFS. */
  readonly workers: SecurityGroup
  /** Of publishers: broker, database and EFS. */
  readonly publishers: SecurityGroup
  /** Of the task that measures the queues: the broker's management API. */
  readonly depth: SecurityGroup
}

const HTTPS = 443
const NFS = 2049

export function createNetwork(scope: Construct, settings: Settings): Network {
  const { vpc, subnets } = settings.network.create
    ? newVpc(scope, settings, settings.network)
    : knownVpc(scope, settings, settings.network)
  const { broker, database, fileSystem } = settings
  const amqp: Target = { name: 'Broker', securityGroupId: broker.securityGroupId, port: broker.port }
  const management: Target = { ...amqp, name: 'BrokerManagement', port: broker.managementPort }
  const postgres: Target = {
    name: 'Database',
    securityGroupId: database.securityGroupId,
    port: database.port,
  }
  const files: Target[] =
    fileSystem === undefined
      ? []
      : [{ name: 'Files', securityGroupId: fileSystem.securityGroupId, port: NFS }]
  return {
    vpc,
    subnets,
    workers: group(scope, 'WorkerGroup', vpc, 'duckfleet workers', [amqp, ...files]),
    publishers: group(scope, 'PublisherGroup', vpc, 'duckfleet publishers', [amqp, postgres, ...files]),
    depth: group(scope, 'DepthGroup', vpc, 'duckfleet queue depth', [amqp, management]),
  }
}

interface Target {
  readonly name: string
  readonly securityGroupId: string
  readonly port: number
}

/**
 * A group without ingress. It reaches AWS's services by HTTPS and the targets by their ports; each target's own group
 * gets a rule that lets this one in.
 */
function group(
  scope: Construct,
  id: string,
  vpc: IVpc,
  description: string,
  targets: readonly Target[],
): SecurityGroup {
  const made = new SecurityGroup(scope, id, { vpc, description, allowAllOutbound: false })
  made.addEgressRule(Peer.anyIpv4(), Port.tcp(HTTPS), 'S3, ECR, Logs, Secrets Manager, ECS, CloudWatch')
  for (const { name, securityGroupId, port } of targets) {
    made.addEgressRule(Peer.securityGroupId(securityGroupId), Port.tcp(port), name)
    new CfnSecurityGroupIngress(scope, `${id}To${name}`, {
      groupId: securityGroupId,
      sourceSecurityGroupId: made.securityGroupId,
      ipProtocol: 'tcp',
      fromPort: port,
      toPort: port,
      description,
    })
  }
  return made
}

type NetworkSettings = Settings['network']

/** From its attributes: looking it up would need an account, and could give something else tomorrow. */
function knownVpc(
  scope: Construct,
  settings: Settings,
  known: Extract<NetworkSettings, { create: false }>,
): Pick<Network, 'vpc' | 'subnets'> {
  const vpc = Vpc.fromVpcAttributes(scope, 'Vpc', {
    vpcId: known.vpcId,
    region: settings.region,
    availabilityZones: known.subnets.map(({ zone }) => zone),
    privateSubnetIds: known.subnets.map(({ id }) => id),
  })
  for (const subnet of vpc.privateSubnets)
    Annotations.of(subnet).acknowledgeWarning(
      '@aws-cdk/aws-ec2:noSubnetRouteTableId',
      'Nothing here changes how these subnets are routed.',
    )
  return { vpc, subnets: vpc.privateSubnets }
}

function newVpc(
  scope: Construct,
  settings: Settings,
  wanted: Extract<NetworkSettings, { create: true }>,
): Pick<Network, 'vpc' | 'subnets'> {
  const vpc = new Vpc(scope, 'Vpc', {
    ipAddresses: IpAddresses.cidr(wanted.cidr),
    availabilityZones: [...wanted.zones],
    natGateways: 1,
    restrictDefaultSecurityGroup: false,
    subnetConfiguration: [
      { name: 'public', subnetType: SubnetType.PUBLIC, mapPublicIpOnLaunch: false, cidrMask: 24 },
      { name: 'private', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 },
    ],
    // Files go straight to S3, not through the NAT gateway, which costs by the gigabyte.
    gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 } },
  })
  const logGroup = new LogGroup(scope, 'FlowLogs', { retention: settings.logs.retentionDays })
  const role = createRole(
    scope,
    'FlowLogRole',
    settings,
    flowLogPermissions(logGroup.logGroupArn),
    'vpc-flow-logs',
  )
  vpc.addFlowLog('FlowLog', { destination: FlowLogDestination.toCloudWatchLogs(logGroup, role) })
  return { vpc, subnets: vpc.privateSubnets }
}
