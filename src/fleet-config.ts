import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { DuckfleetError } from './errors.js'
import { parseSize } from './size.js'

/** Where something is reached: an address with its password, or the name of a secret that holds both. */
export type Access =
  { readonly kind: 'url'; readonly url: string } | { readonly kind: 'secret'; readonly name: string }

/** What publishers, consumers and operators need to know of their environment; `{env}` in a default is its name. */
export interface FleetConfig {
  /** `--env`, else `ENVIRONMENT`: `dev`, `staging`, `prod` … */
  readonly env: string
  readonly sourceBucket: string
  readonly destinationBucket: string
  readonly database: Access
  readonly rabbit: Access
  /** Address of RabbitMQ's management API; undefined: the usual one of the broker's host. */
  readonly rabbitManagement: string | undefined
  /** Root of the EFS keys for reading, and for writing. */
  readonly migrateSrc: string
  readonly migrateDst: string
  readonly queues: QueueNames
  /** Address of an S3-compatible server; undefined: AWS. */
  readonly s3Endpoint: string | undefined
  /** Milliseconds without a byte after which a request to S3 is given up. */
  readonly s3IdleMs: number
  /** Seconds between signs of life with RabbitMQ; two that are missing mean that the connection is lost. */
  readonly rabbitHeartbeatSeconds: number
  /** PEM of the authority that signed the certificates of RabbitMQ, Postgres and S3; undefined: the system's. */
  readonly ca: string | undefined
  /** SQL with the columns `id` and `site`; undefined: the default. */
  readonly trackerQuery: string | undefined
  /** Where a tracker's files are, in the bucket and on EFS, and what they shall be called; see {@link Layout}. */
  readonly layout: Layout
  /** Bytes: files of this size and more go to the big queue. */
  readonly bigFrom: number
  /** A destination that is there: compared with the source, or replaced. */
  readonly overwrite: boolean
  readonly verify: 'full' | 'counts' | 'none'
  /** Tries, and milliseconds between them, at first and at most. */
  readonly retry: { readonly attempts: number; readonly baseMs: number; readonly maxMs: number }
  /** Milliseconds that one job may take in all. */
  readonly jobDeadlineMs: number
  /** Milliseconds that the job in hand has to finish once a stop was asked for. */
  readonly graceMs: number
  /** Where `/healthz` and `/metrics` are served; undefined: nowhere. 0: any free port. */
  readonly metricsPort: number | undefined
  /** Bytes of memory for the engines of a job; undefined: half of what the machine or container has. */
  readonly memory: number | undefined
  /** The ECS agent, which protects a task from being scaled in; undefined outside of ECS. */
  readonly ecsAgent: string | undefined
  /** What `duckfleet scale` scales. */
  readonly ecs: EcsNames
  /** More tasks than this of a service take `--force`. */
  readonly scaleCeiling: number
}

/** Names in ECS. */
interface EcsNames {
  readonly cluster: string
  /** Services by size class. */
  readonly small: string
  readonly big: string
}

/** Queues by size class. */
export interface QueueNames {
  readonly small: string
  readonly big: string
}

/** Templates with `{site}`, `{tracker}` and `{file}`. */
interface Layout {
  /** Prefix of a tracker's objects in the source bucket. */
  readonly s3Prefix: string
  /** Folders of a tracker below `MIGRATE_SRC`; the files of each that is there are taken. */
  readonly efsFolders: readonly string[]
  /** Key of the destination. */
  readonly destination: string
}

const SECONDS = 1000
const MINUTES = 60 * SECONDS

/** An empty variable is one that is not set: that is how compose files and CI unset them. */
const unset = (value: unknown): unknown => (value === '' ? undefined : value)
const text = z.preprocess(unset, z.string().optional())
const address = (...schemes: string[]): z.ZodType<string | undefined> =>
  z.preprocess(
    unset,
    z
      .string()
      .refine((value) => URL.canParse(value) && schemes.includes(new URL(value).protocol), {
        // The address itself may hold a password, so it is not repeated.
        error: `is no address; it starts with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`,
      })
      .optional(),
  )
const whole = (least: number, most: number, otherwise: number): z.ZodType<number> =>
  z.preprocess(
    (value) => (value === undefined || value === '' ? otherwise : Number(value)),
    z.number({ error: 'is no number' }).int('is no whole number').min(least).max(most),
  )
const size = z.preprocess(
  unset,
  z
    .string()
    .transform((value, context) => {
      try {
        return parseSize(value)
      } catch (error) {
        context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) })
        return z.NEVER
      }
    })
    .optional(),
)
const flag = z.preprocess(
  unset,
  z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true'),
)
const template = (fallback: string, ...needed: string[]): z.ZodType<string> =>
  z.preprocess(
    (value) => unset(value) ?? fallback,
    z.string().superRefine((value, context) => {
      const unknown =
        value.match(/\{[^}]*\}/g)?.filter((part) => !/^\{(site|tracker|file)\}$/.test(part)) ?? []
      if (unknown.length > 0)
        context.addIssue(`${unknown.join(', ')} is unknown; use {site}, {tracker}, {file}`)
      for (const part of needed) if (!value.includes(part)) context.addIssue(`${part} is missing`)
    }),
  )

/** Each holds the files of one tracker: without its id in the name it would hold those of all others, too. */
const folders = (fallback: string): z.ZodType<readonly string[]> =>
  template(fallback)
    .transform((value) => value.split(',').map((folder) => folder.trim()))
    .superRefine((list, context) => {
      for (const folder of list)
        if (!folder.includes('{tracker}')) context.addIssue(`{tracker} is missing in "${folder}"`)
    })

const schema = z.object({
  ENVIRONMENT: z.preprocess(
    unset,
    z
      .string()
      .regex(/^[a-z0-9-]{1,32}$/, 'is no name; use small letters, digits and dashes')
      .default('dev'),
  ),
  SOURCE_BUCKET: text,
  DESTINATION_BUCKET: text,
  DB_SECRET: text,
  RABBIT_SECRET: text,
  DATABASE_URL: address('postgres:', 'postgresql:'),
  RABBIT_URL: address('amqp:', 'amqps:'),
  RABBIT_MANAGEMENT_URL: address('http:', 'https:'),
  MIGRATE_SRC: text,
  MIGRATE_DST: text,
  QUEUE_NAME: z.preprocess(
    unset,
    z
      .string()
      .regex(/^[\w.-]{1,200}$/, 'is no queue name')
      .default('migrate_duckdb_release'),
  ),
  S3_ENDPOINT: address('http:', 'https:'),
  S3_IDLE_SECONDS: whole(1, 3600, 60),
  RABBIT_HEARTBEAT_SECONDS: whole(1, 3600, 20),
  TLS_CA_FILE: text,
  TRACKER_QUERY: text,
  S3_PREFIX: template('tracker-migration/{tracker}/', '{tracker}'),
  EFS_FOLDERS: folders('{site}/{tracker}/,{tracker}/'),
  DESTINATION_KEY: template('{site}/{tracker}/{file}', '{tracker}', '{file}'),
  BIG_FROM: size,
  OVERWRITE: flag,
  VERIFY: z.preprocess(unset, z.enum(['full', 'counts', 'none']).default('full')),
  RETRY_ATTEMPTS: whole(1, 100, 5),
  RETRY_BASE_SECONDS: whole(1, 3600, 10),
  RETRY_MAX_SECONDS: whole(1, 86_400, 600),
  JOB_DEADLINE_MINUTES: whole(1, 2880, 360),
  GRACE_SECONDS: whole(0, 3600, 100),
  METRICS_PORT: z.preprocess(unset, z.coerce.number().int().min(0).max(65_535).optional()),
  MEMORY: size,
  ECS_AGENT_URI: address('http:'),
  ECS_CLUSTER: text,
  ECS_SERVICE_SMALL: text,
  ECS_SERVICE_BIG: text,
  SCALE_CEILING: whole(0, 10_000, 50),
})

/**
 * Reads what the fleet needs from an environment; `env` is what `--env` says. Throws a DuckfleetError `usage` that lists
 * every problem, and repeats no value that may be a secret.
 */
export function readFleetConfig(
  environment: Readonly<Record<string, string | undefined>>,
  env?: string,
): FleetConfig {
  const result = schema.safeParse({ ...environment, ...(env === undefined ? {} : { ENVIRONMENT: env }) })
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new DuckfleetError('usage', `wrong environment: ${problems.join('; ')}`)
  }
  const read = result.data
  const name = read.ENVIRONMENT
  // Either service may have been given the name of the other's queue.
  const small = read.QUEUE_NAME.replace(/_big$/, '')
  return {
    env: name,
    sourceBucket: read.SOURCE_BUCKET ?? `perform-${name}-raw`,
    destinationBucket: read.DESTINATION_BUCKET ?? `perform-${name}-raw`,
    database: access(read.DATABASE_URL, read.DB_SECRET ?? `perform_database_${name}`),
    rabbit: access(read.RABBIT_URL, read.RABBIT_SECRET ?? `perform_rabbitmq_${name}`),
    rabbitManagement: read.RABBIT_MANAGEMENT_URL,
    migrateSrc: read.MIGRATE_SRC ?? `/mnt/efs/perform-${name}-goal/`,
    migrateDst: read.MIGRATE_DST ?? `/mnt/efs/perform-${name}-goal-dst/`,
    queues: { small, big: `${small}_big` },
    s3Endpoint: read.S3_ENDPOINT,
    s3IdleMs: read.S3_IDLE_SECONDS * SECONDS,
    rabbitHeartbeatSeconds: read.RABBIT_HEARTBEAT_SECONDS,
    ca: read.TLS_CA_FILE === undefined ? undefined : readCa(read.TLS_CA_FILE),
    trackerQuery: read.TRACKER_QUERY,
    layout: {
      s3Prefix: read.S3_PREFIX,
      efsFolders: read.EFS_FOLDERS,
      destination: read.DESTINATION_KEY,
    },
    bigFrom: read.BIG_FROM ?? 1_500_000_000,
    overwrite: read.OVERWRITE,
    verify: read.VERIFY,
    retry: {
      attempts: read.RETRY_ATTEMPTS,
      baseMs: read.RETRY_BASE_SECONDS * SECONDS,
      maxMs: read.RETRY_MAX_SECONDS * SECONDS,
    },
    jobDeadlineMs: read.JOB_DEADLINE_MINUTES * MINUTES,
    graceMs: read.GRACE_SECONDS * SECONDS,
    metricsPort: read.METRICS_PORT,
    memory: read.MEMORY,
    ecsAgent: read.ECS_AGENT_URI,
    ecs: {
      cluster: read.ECS_CLUSTER ?? `duckfleet-${name}`,
      small: read.ECS_SERVICE_SMALL ?? 'migrate-duck-small',
      big: read.ECS_SERVICE_BIG ?? 'migrate-duck-big',
    },
    scaleCeiling: read.SCALE_CEILING,
  }
}

function access(url: string | undefined, secret: string): Access {
  return url === undefined ? { kind: 'secret', name: secret } : { kind: 'url', url }
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new DuckfleetError('usage', `wrong environment: TLS_CA_FILE: cannot read ${file}`, { cause: error })
  }
}
