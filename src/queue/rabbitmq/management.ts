import { z } from 'zod'
import { DuckfleetError } from '../../errors.js'
import type { DepthQuestion } from '../port-depth.js'
import type { QueueDetails } from './depth-family.js'
import { argumentsSchema, lossesOf, policySchema } from './losing-policy.js'
import { getJson } from './management-http.js'
import type { ManagementAccess } from './management-http.js'
import { failedQueue } from './topology.js'

/** The API keeps rates for an hour, the last ten minutes of it in short steps. */
const MOST_SECONDS = 3600
const PAGE = 100

const count = z.number().nonnegative().optional().catch(undefined)
const details = z.object({ rate: count, avg_rate: count }).optional().catch(undefined)
const item = z.object({
  name: z.string(),
  messages_ready: count,
  messages_unacknowledged: count,
  consumers: count,
  message_bytes_ready: count,
  head_message_timestamp: count,
  arguments: argumentsSchema,
  effective_policy_definition: policySchema,
  message_stats: z.object({ publish_details: details, ack_details: details }).optional().catch(undefined),
})
const page = z.object({ items: z.array(item) })

const COLUMNS = Object.keys(item.shape).join(',')

/**
 * What the API tells of a queue and of those that belong to it, by name, in one request that lists no messages. It may be
 * 10 s old, and nothing at all of a new queue. Throws as {@link getJson} does.
 */
export async function readDetails(
  access: ManagementAccess,
  vhost: string,
  { name, windowSeconds }: DepthQuestion,
  limitMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, QueueDetails>> {
  const age = Math.min(windowSeconds, MOST_SECONDS)
  const query = new URLSearchParams({
    page: '1',
    page_size: String(PAGE),
    use_regex: 'true',
    name: `^${name.replaceAll('.', '\\.')}(\\.failed|\\.retry\\.[0-9a-z]+)?$`,
    columns: COLUMNS,
    msg_rates_age: String(age),
    // Short steps exist for the last ten minutes only.
    msg_rates_incr: age <= 600 ? '5' : '60',
  })
  const answer = await getJson(
    access,
    `queues/${encodeURIComponent(vhost)}?${query.toString()}`,
    limitMs,
    signal,
  )
  const read = page.safeParse(answer)
  if (!read.success)
    throw new DuckfleetError('transient', `what answers at ${access.address} is no management API`)
  return new Map(read.data.items.map((one) => [one.name, detailsOf(one, one.name === failedQueue(name))]))
}

function detailsOf(read: z.infer<typeof item>, isFailed: boolean): QueueDetails {
  const { publish_details: published, ack_details: acked } = read.message_stats ?? {}
  const oldest = read.head_message_timestamp
  // Nothing is told of a rate while there was none; of a new queue nothing is told at all.
  const none = read.messages_unacknowledged === undefined ? undefined : 0
  return {
    ready: read.messages_ready,
    inWork: read.messages_unacknowledged,
    consumers: read.consumers,
    publishRate: published?.avg_rate ?? published?.rate ?? none,
    ackRate: acked?.avg_rate ?? acked?.rate ?? none,
    messageBytes: read.message_bytes_ready,
    oldestAt: oldest === undefined ? undefined : oldest * 1000,
    losses: lossesOf(read, isFailed),
  }
}
