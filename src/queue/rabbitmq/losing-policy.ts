import { z } from 'zod'

const number = z.number().optional().catch(undefined)
const overflow = z.string().optional().catch(undefined)

/** Parts of a policy that can lose messages; without a policy some releases tell a list. */
export const policySchema = z
  .object({
    expires: number,
    'message-ttl': number,
    'max-length': number,
    'max-length-bytes': number,
    overflow,
  })
  .optional()
  .catch(undefined)

/** What a queue was made with, and a policy can override. */
export const argumentsSchema = z.object({ 'x-overflow': overflow }).optional().catch(undefined)

interface Told {
  readonly name: string
  readonly arguments?: z.infer<typeof argumentsSchema>
  readonly effective_policy_definition?: z.infer<typeof policySchema>
}

/**
 * What a policy makes a queue lose, as sentences: RabbitMQ obeys and tells nobody. What leaves a work queue or one for
 * retries goes to another queue; what leaves the failed ones is gone (seen with 3.10.8).
 */
export function lossesOf(told: Told, isFailed: boolean): string[] {
  const { name: queue, effective_policy_definition: policy } = told
  if (policy === undefined) return []
  const { expires, 'message-ttl': ttl } = policy
  // The oldest goes unless told otherwise, as queues of duckfleet were not at first.
  const whenFull = policy.overflow ?? told.arguments?.['x-overflow'] ?? 'drop-head'
  const limit = policy['max-length'] ?? policy['max-length-bytes']
  const losses: string[] = []
  if (expires !== undefined)
    losses.push(
      `deletes ${queue} with all that is in it when nobody consumes it for ${expires / 1000} s (expires)`,
    )
  if (isFailed && ttl !== undefined)
    losses.push(`drops what has been in ${queue} for ${ttl / 1000} s (message-ttl)`)
  if (isFailed && limit !== undefined && whenFull === 'drop-head')
    losses.push(`drops the oldest of ${queue} when it is full (max-length without overflow reject-publish)`)
  return losses.map(
    (loss) => `a policy of RabbitMQ ${loss}; keep policies with that away from duckfleet's queues`,
  )
}
