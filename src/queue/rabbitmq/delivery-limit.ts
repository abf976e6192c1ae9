import { z } from 'zod'
import { DuckfleetError } from '../../errors.js'
import { getJson } from './management-http.js'
import type { ManagementAccess } from './management-http.js'
import type { BrokerVersion } from './version.js'

/** How often a queue delivers a message before it drops it. */
export type DeliveryLimit =
  | { readonly kind: 'none' }
  | { readonly kind: 'limit'; readonly deliveries: number; readonly from: 'argument' | 'policy' | 'default' }
  /** `why`: a clause. */
  | { readonly kind: 'unknown'; readonly why: string }

/** Of quorum queues of 4.0 and later that nobody told anything else. */
export const DEFAULT_LIMIT = 20

const number = z.number().optional()
const policy = z.object({ 'delivery-limit': number })
const answer = z.object({
  type: z.string().optional(),
  arguments: z.object({ 'x-delivery-limit': number }).or(z.array(z.unknown())).optional(),
  /** Not there for the first seconds of a queue; without a policy some releases tell it as a list. */
  effective_policy_definition: policy.or(z.array(z.unknown())).optional(),
})

/** Asks the management API, whose answer may be some seconds old. Rejects with `aborted` only. */
export async function readDeliveryLimit(
  access: ManagementAccess,
  {
    vhost,
    queue,
    version,
  }: { readonly vhost: string; readonly queue: string; readonly version: BrokerVersion },
  limitMs: number,
  signal: AbortSignal,
): Promise<DeliveryLimit> {
  try {
    const path = `queues/${encodeURIComponent(vhost)}/${encodeURIComponent(queue)}`
    const columns = Object.keys(answer.shape).join(',')
    const read = answer.safeParse(await getJson(access, `${path}?columns=${columns}`, limitMs, signal))
    if (!read.success)
      return { kind: 'unknown', why: `what answers at ${access.address} is no management API` }
    return limitOf(read.data, version)
  } catch (error) {
    if (error instanceof DuckfleetError && error.code !== 'aborted')
      return { kind: 'unknown', why: error.message }
    throw error
  }
}

function limitOf(told: z.infer<typeof answer>, version: BrokerVersion): DeliveryLimit {
  if (told.type !== undefined && told.type !== 'quorum') return { kind: 'none' }
  const { arguments: given, effective_policy_definition: policies } = told
  if (policies === undefined) return { kind: 'unknown', why: 'the queue is too new for its management API' }
  const argument = given === undefined || Array.isArray(given) ? undefined : given['x-delivery-limit']
  const ofPolicy = Array.isArray(policies) ? undefined : policies['delivery-limit']
  const deliveries = effective(argument, ofPolicy)
  if (deliveries === undefined)
    return version.atLeast(4, 0)
      ? { kind: 'limit', deliveries: DEFAULT_LIMIT, from: 'default' }
      : { kind: 'none' }
  if (deliveries < 0) return { kind: 'none' }
  return { kind: 'limit', deliveries, from: deliveries === argument ? 'argument' : 'policy' }
}

/** The least, but any limit goes before a negative one, which is none: as RabbitMQ itself puts them together. */
function effective(argument: number | undefined, ofPolicy: number | undefined): number | undefined {
  if (argument === undefined || ofPolicy === undefined) return argument ?? ofPolicy
  return argument < 0 || ofPolicy < 0 ? Math.max(argument, ofPolicy) : Math.min(argument, ofPolicy)
}
