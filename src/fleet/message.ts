import { z } from 'zod'
import { DuckfleetError } from '../errors.js'
import { keySchema } from './key.js'
import type { Location, Route } from './route.js'

/** Bucket names of S3: nothing that could be part of another URL. */
const bucket = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/, 'is no bucket name')
const trackerId = z.string().min(1, 'is empty').max(256, 'is longer than 256 characters')

/**
 * Bodies of the four routes, field by field in the order in which they are written. A contract with systems that
 * exist: nothing is renamed, added or reordered here.
 */
const BODIES = {
  's3-s3': z.object({
    source_datastore: z.literal('s3'),
    destination_datastore: z.literal('s3'),
    source_bucket: bucket,
    destination_bucket: bucket,
    'tracker-id': trackerId,
    source_key: keySchema,
    dest_key: keySchema,
  }),
  'efs-efs': z.object({
    source_datastore: z.literal('efs'),
    destination_datastore: z.literal('efs'),
    key: keySchema,
  }),
  's3-efs': z.object({
    source_datastore: z.literal('s3'),
    destination_datastore: z.literal('efs'),
    source_bucket: bucket,
    'tracker-id': trackerId,
    source_key: keySchema,
    key: keySchema,
  }),
  'efs-s3': z.object({
    source_datastore: z.literal('efs'),
    destination_datastore: z.literal('s3'),
    key: keySchema,
    destination_bucket: bucket,
    dest_key: keySchema,
  }),
} as const satisfies Record<Route, z.ZodType>

type Body<R extends Route> = z.infer<(typeof BODIES)[R]>

/** One file to migrate, as it is on a queue: the body as it was given, and its route. */
export type Message = {
  readonly [R in Route]: { readonly route: R; readonly body: Readonly<Body<R>> }
}[Route]

const stores = z.object({
  source_datastore: z.enum(['s3', 'efs']),
  destination_datastore: z.enum(['s3', 'efs']),
})

/**
 * Reads the body of a message. Unknown fields are ignored. Throws a DuckfleetError `usage` that names every field
 * that is missing, ill-typed or hostile.
 */
export function parseMessage(body: string): Message {
  const json = parseJson(body)
  const { source_datastore: from, destination_datastore: to } = check(stores, json)
  const route: Route = `${from}-${to}`
  switch (route) {
    case 's3-s3':
      return { route, body: check(BODIES[route], json) }
    case 'efs-efs':
      return { route, body: check(BODIES[route], json) }
    case 's3-efs':
      return { route, body: check(BODIES[route], json) }
    case 'efs-s3':
      return { route, body: check(BODIES[route], json) }
    default:
      return route satisfies never
  }
}

/** The body as UTF-8 JSON, its fields in the order of the contract. Throws like {@link parseMessage}. */
export function serializeMessage(message: Message): string {
  // Parsing puts the fields into the schema's order, and lets nothing out that would not be let in.
  const schema: z.ZodType<Message['body']> = BODIES[message.route]
  return JSON.stringify(check(schema, message.body))
}

/** Where the file is and where it shall be. */
export function locations(message: Message): { readonly source: Location; readonly destination: Location } {
  const { route, body } = message
  switch (route) {
    case 's3-s3':
      return {
        source: { datastore: 's3', bucket: body.source_bucket, key: body.source_key },
        destination: { datastore: 's3', bucket: body.destination_bucket, key: body.dest_key },
      }
    case 'efs-efs':
      return {
        source: { datastore: 'efs', key: body.key },
        destination: { datastore: 'efs', key: body.key },
      }
    case 's3-efs':
      return {
        source: { datastore: 's3', bucket: body.source_bucket, key: body.source_key },
        destination: { datastore: 'efs', key: body.key },
      }
    case 'efs-s3':
      return {
        source: { datastore: 'efs', key: body.key },
        destination: { datastore: 's3', bucket: body.destination_bucket, key: body.dest_key },
      }
    default:
      return route satisfies never
  }
}

/** The tracker that a message is about: its own field, else the folder of its key; undefined for a key without one. */
export function trackerOf({ body }: Message): string | undefined {
  return 'tracker-id' in body ? body['tracker-id'] : body.key.split('/').at(-2)
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (error) {
    throw new DuckfleetError('usage', 'invalid message: the body is not JSON', { cause: error })
  }
}

function check<T>(schema: z.ZodType<T>, json: unknown): T {
  const result = schema.safeParse(json)
  if (result.success) return result.data
  const problems = result.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
  throw new DuckfleetError('usage', `invalid message: ${problems.join('; ')}`)
}
