import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import { z } from 'zod'
import { sizeProblem } from './fargate-sizes.js'

const id = (prefix: string): z.ZodString =>
  z.string().regex(new RegExp(`^${prefix}-[0-9a-f]{8,17}$`), `is no id like ${prefix}-0123456789abcdef0`)
const arn = (service: string): z.ZodString =>
  z.string().regex(new RegExp(`^arn:aws[a-z-]*:${service}:[^\\s*]+$`), `is no ARN of ${service}, without *`)
const prefix = z
  .string()
  .regex(/^(?!\/)[^*?$]*$/, 'is no prefix; it starts without a slash and holds no *, ? or $')
const duration = z.number().int().min(1)

const network = z.discriminatedUnion('create', [
  z.strictObject({
    create: z.literal(false),
    vpcId: id('vpc'),
    /** Subnets without public addresses, with a way to S3, ECR, Logs, Secrets Manager and ECS. */
    subnets: z.array(z.strictObject({ id: id('subnet'), zone: z.string().regex(/^[a-z0-9-]+$/) })).min(1),
  }),
  z.strictObject({
    create: z.literal(true),
    cidr: z.string().regex(/^\d+\.\d+\.\d+\.\d+\/\d+$/),
    zones: z.array(z.string()).min(2),
  }),
])

const bucket = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'is no bucket name'),
  /** Keys that the fleet may use start with one of these; `''` is the whole bucket. */
  prefixes: z.array(prefix).min(1),
  /** Key that the bucket is encrypted with; undefined: S3's own. */
  keyArn: arn('kms').optional(),
  /** Whether this stack makes the bucket; else it has to be there. */
  create: z.boolean().default(false),
})

/** Somebody else's server: its security group gets one rule for each of ours that talks to it. */
const server = z.strictObject({
  securityGroupId: id('sg'),
  port: z.number().int().min(1).max(65_535),
  /** Name of its secret in Secrets Manager. */
  secretName: z.string().regex(/^[\w/+=.@-]{1,256}$/, 'is no name of a secret'),
})

const image = z.strictObject({
  repository: z.string().regex(/^[a-z0-9][a-z0-9._/-]*$/, 'is no name of an ECR repository'),
  /** A tag, or better a digest `sha256:…`, which nobody can move. */
  version: z.string().regex(/^(sha256:[0-9a-f]{64}|[\w][\w.-]{0,127})$/, 'is no tag and no digest'),
})

const service = z
  .strictObject({
    name: z.string().regex(/^[a-zA-Z][\w-]{0,200}$/),
    image,
    /** CPU units: 1024 is one vCPU. */
    cpu: z.number(),
    memoryMiB: z.number(),
    /** Room for source, intermediate and target at once. */
    ephemeralGiB: z.number().int().min(21).max(200),
    minTasks: z.number().int().min(0),
    maxTasks: z.number().int().min(1).max(5000),
    /** Messages (ready and in work) a task that scaling aims at. */
    backlogPerTask: z.number().min(1),
    /** On Fargate Spot: cheaper, and taken away with two minutes' notice; the message then comes back. */
    spot: z.boolean(),
    /** Minutes that one job may take. */
    jobDeadlineMinutes: duration.max(2880),
    /** The alarm for the oldest message, in minutes. */
    oldestMessageMinutes: duration,
    /** More environment for the workers, such as `DUCKDB_MIGRATE_VERSION`. No secrets: it is readable in the console. */
    environment: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.string()).default({}),
  })
  .superRefine((value, context) => {
    const problem = sizeProblem(value.cpu, value.memoryMiB)
    if (problem !== undefined) context.addIssue(problem)
    if (value.minTasks > value.maxTasks) context.addIssue('minTasks is more than maxTasks')
  })

const settings = z
  .strictObject({
    env: z.enum(['dev', 'staging', 'prod']),
    account: z.string().regex(/^\d{12}$/, 'is no account of 12 digits'),
    region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'is no region'),
    architecture: z.enum(['arm64', 'x64']),
    network,
    sourceBucket: bucket,
    destinationBucket: bucket,
    /** Undefined: no route from or to EFS. */
    fileSystem: z
      .strictObject({
        id: id('fs'),
        accessPointId: id('fsap'),
        securityGroupId: id('sg'),
        /** Folders below the access point's root, for reading and for writing. */
        source: prefix,
        destination: prefix,
      })
      .optional(),
    broker: server
      .extend({ managementPort: z.number().int().min(1).max(65_535) })
      .refine(({ port }) => port !== 5672, '5672 is AMQP without TLS; use 5671'),
    database: server,
    /** Key that the secrets are encrypted with, if it is not `aws/secretsmanager`. */
    secretsKeyArn: arn('kms').optional(),
    /** The queue of small files; that of big ones has `_big` behind it. */
    queue: z.string().regex(/^[\w.-]{1,200}(?<!_big)$/, 'is no queue name, or ends in _big'),
    services: z.strictObject({ small: service, big: service }),
    logs: z.strictObject({
      retentionDays: z.enum(RetentionDays),
      keyArn: arn('kms').optional(),
    }),
    alarms: z.strictObject({
      /** Minutes without a consumer while messages wait. Leave time for the first task to start. */
      noConsumerMinutes: duration.min(5),
      topicArn: arn('sns').optional(),
    }),
    /** Minutes between two looks at the queues. Amazon MQ asks for one at least. */
    depthEveryMinutes: duration.max(15).default(1),
    /** Days after which the parts of an upload that never ended are removed. */
    strandedUploadDays: duration.default(7),
  })
  .superRefine((value, context) => {
    const problem = overlapProblem(value.sourceBucket, value.destinationBucket)
    if (problem !== undefined)
      context.addIssue({ code: 'custom', message: problem, path: ['destinationBucket'] })
    if (value.sourceBucket.create && value.destinationBucket.name === value.sourceBucket.name)
      context.addIssue({
        code: 'custom',
        message: 'is the source bucket, which has to be there',
        path: ['sourceBucket'],
      })
  })

/** What one environment is made of: names of things that exist, and sizes. Checked. */
export type Settings = z.output<typeof settings>
/** The same as it is written in `config.ts`. */
export type SettingsInput = z.input<typeof settings>
export type ServiceSettings = Settings['services']['small']
export type BucketSettings = Settings['sourceBucket']
export type ImageSettings = ServiceSettings['image']

/** Checks an environment. Throws one Error that lists every problem. */
export function parseSettings(input: SettingsInput): Settings {
  const result = settings.safeParse(input)
  if (result.success) return result.data
  const problems = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new Error(`wrong settings for ${input.env}:\n  ${problems.join('\n  ')}`)
}

/** Sources are never written, so no destination may lie where sources are read. */
function overlapProblem(source: BucketSettings, destination: BucketSettings): string | undefined {
  if (source.name !== destination.name) return undefined
  const inside = destination.prefixes.find((to) => source.prefixes.some((from) => to.startsWith(from)))
  if (inside === undefined) return undefined
  return `prefix '${inside}' lies where sources are read in the same bucket; give destinations a prefix of their own`
}
