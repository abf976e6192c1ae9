import { arn, bucketArn, clusterName, metricNamespace, secretArn } from './names.js'
import { endsOf } from './routes.js'
import type { Route } from './routes.js'
import type { BucketSettings, Settings } from './settings.js'

/** One statement of a policy, as data: `policies.test.ts` holds the table of all of them. */
export interface Statement {
  readonly sid: string
  readonly effect: 'Allow' | 'Deny'
  readonly actions: readonly string[]
  readonly resources: readonly string[]
  /** Why a resource ends in `*`; needed where one does. */
  readonly wildcard?: string
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>
}

/** What a worker of either size may do: both get messages of every route. */
export function workerPermissions(settings: Settings): Statement[] {
  const { sourceBucket, destinationBucket, broker } = settings
  return [
    ...listing('ListSources', settings, sourceBucket),
    { ...allow('ReadSources', ['s3:GetObject'], objects(settings, sourceBucket)), wildcard: OBJECTS },
    ...listing('ListDestinations', settings, destinationBucket),
    {
      ...allow(
        'WriteDestinations',
        ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
        objects(settings, destinationBucket),
      ),
      wildcard: OBJECTS,
    },
    // An upload whose end nobody heard of is looked up, and aborted.
    ...underPrefixes(
      allow(
        'FindStrandedUploads',
        ['s3:ListBucketMultipartUploads'],
        [bucketArn(settings, destinationBucket.name)],
      ),
      destinationBucket,
    ),
    keepSources(settings),
    ...bucketKeys(settings),
    ...fileSystem(settings, 'write'),
    ...secrets(settings, 'ReadSecrets', [broker.secretName]),
    {
      ...allow('ProtectItself', ['ecs:UpdateTaskProtection'], [tasks(settings)]),
      wildcard: 'Tasks of this cluster only; their ids are made when they start.',
    },
  ]
}

/** What a publisher of a route may do: look at files, and put messages into the queues. */
export function publisherPermissions(settings: Settings, route: Route): Statement[] {
  const { sourceBucket, destinationBucket, broker, database } = settings
  const { from, to } = endsOf(route)
  return [
    ...(from === 's3' ? listing('ListSources', settings, sourceBucket) : []),
    // Destinations that are done already are told by their headers.
    ...(to === 's3' ? listing('ListDestinations', settings, destinationBucket) : []),
    ...(to === 's3' ? readDestinations(settings) : []),
    ...(from === 'efs' || to === 'efs' ? fileSystem(settings, 'read') : []),
    ...secrets(settings, 'ReadSecrets', [broker.secretName, database.secretName]),
  ]
}

/** What the task that measures the queues may do. */
export function depthPermissions(settings: Settings): Statement[] {
  return [
    ...secrets(settings, 'ReadSecrets', [settings.broker.secretName]),
    {
      ...allow('PublishDepth', ['cloudwatch:PutMetricData'], ['*']),
      wildcard: 'CloudWatch knows no ARNs for metrics; the condition leaves one namespace.',
      conditions: { StringEquals: { 'cloudwatch:namespace': metricNamespace(settings.env) } },
    },
  ]
}

/** What ECS itself does before a container runs. */
export function executionPermissions(settings: Settings, logGroups: readonly string[]): Statement[] {
  const { small, big } = settings.services
  const repositories = [...new Set([small.image.repository, big.image.repository])]
  return [
    allow(
      'PullImages',
      ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      repositories.map((name) => arn(settings, 'ecr', `repository/${name}`)),
    ),
    {
      ...allow('LogInToRegistry', ['ecr:GetAuthorizationToken'], ['*']),
      wildcard: 'AWS knows no resource for this action; what is pulled with the token is named.',
    },
    allow('WriteLogs', ['logs:CreateLogStream', 'logs:PutLogEvents'], logGroups),
  ]
}

/** What a network that this stack makes does with its logs. */
export function flowLogPermissions(logGroup: string): Statement[] {
  const actions = ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents']
  return [allow('WriteFlowLogs', actions, [logGroup])]
}

const OBJECTS = 'Files of trackers, under the prefixes of the settings; their names are data.'

function readDestinations(settings: Settings): Statement[] {
  const { destinationBucket } = settings
  return [
    {
      ...allow('ReadDestinations', ['s3:GetObject'], objects(settings, destinationBucket)),
      wildcard: OBJECTS,
    },
    ...decryption(settings, destinationBucket),
  ]
}

function allow(sid: string, actions: readonly string[], resources: readonly string[]): Statement {
  return { sid, effect: 'Allow', actions, resources }
}

function objects(settings: Settings, bucket: BucketSettings): string[] {
  return bucket.prefixes.map((prefix) => `${bucketArn(settings, bucket.name)}/${prefix}*`)
}

/**
 * Without this S3 answers 403 instead of 404 for a key that is not there, such as that of a WAL. It takes the key for
 * the prefix then.
 */
function listing(sid: string, settings: Settings, bucket: BucketSettings): Statement[] {
  return underPrefixes(allow(sid, ['s3:ListBucket'], [bucketArn(settings, bucket.name)]), bucket)
}

function underPrefixes(statement: Statement, bucket: BucketSettings): Statement[] {
  if (bucket.prefixes.includes('')) return [statement]
  const prefixes = bucket.prefixes.map((prefix) => `${prefix}*`)
  return [{ ...statement, conditions: { StringLike: { 's3:prefix': prefixes } } }]
}

/** Whatever else is allowed, here or in the bucket's own policy: sources stay as they are. */
function keepSources(settings: Settings): Statement {
  return {
    sid: 'NeverTouchSources',
    effect: 'Deny',
    actions: ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:PutObject'],
    resources: objects(settings, settings.sourceBucket),
    wildcard: OBJECTS,
  }
}

function bucketKeys(settings: Settings): Statement[] {
  const { sourceBucket, destinationBucket } = settings
  const written = destinationBucket.keyArn
  return [
    ...decryption(settings, sourceBucket),
    ...(written === undefined
      ? []
      : [
          {
            ...allow('UseDestinationKey', ['kms:Decrypt', 'kms:GenerateDataKey'], [written]),
            conditions: viaService(settings, 's3'),
          },
        ]),
  ]
}

function decryption(settings: Settings, bucket: BucketSettings): Statement[] {
  const { keyArn } = bucket
  if (keyArn === undefined) return []
  const sid = bucket === settings.sourceBucket ? 'DecryptSources' : 'DecryptDestinations'
  return [{ ...allow(sid, ['kms:Decrypt'], [keyArn]), conditions: viaService(settings, 's3') }]
}

function viaService({ region }: Settings, service: string): NonNullable<Statement['conditions']> {
  return { StringEquals: { 'kms:ViaService': `${service}.${region}.amazonaws.com` } }
}

/** Mounting is what reading takes. */
function fileSystem(settings: Settings, access: 'read' | 'write'): Statement[] {
  const { fileSystem: found } = settings
  if (found === undefined) return []
  const mount = 'elasticfilesystem:ClientMount'
  const accessPoint = arn(settings, 'elasticfilesystem', `access-point/${found.accessPointId}`)
  return [
    {
      ...allow(
        access === 'write' ? 'WriteFiles' : 'ReadFiles',
        access === 'write' ? [mount, 'elasticfilesystem:ClientWrite'] : [mount],
        [arn(settings, 'elasticfilesystem', `file-system/${found.id}`)],
      ),
      conditions: { StringEquals: { 'elasticfilesystem:AccessPointArn': accessPoint } },
    },
  ]
}

function secrets(settings: Settings, sid: string, names: readonly string[]): Statement[] {
  const read = allow(
    sid,
    ['secretsmanager:GetSecretValue'],
    names.map((name) => secretArn(settings, name)),
  )
  const { secretsKeyArn } = settings
  if (secretsKeyArn === undefined) return [read]
  const decrypt = allow('DecryptSecrets', ['kms:Decrypt'], [secretsKeyArn])
  return [read, { ...decrypt, conditions: viaService(settings, 'secretsmanager') }]
}

/** Tasks of this cluster; their ids come when they start. */
function tasks(settings: Settings): string {
  return arn(settings, 'ecs', `task/${clusterName(settings.env)}/*`)
}
