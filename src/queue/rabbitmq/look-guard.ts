import type { ConsumeMessage } from 'amqplib'
import { DuckfleetError } from '../../errors.js'
import { DEFAULT_LIMIT } from './delivery-limit.js'
import type { DeliveryLimit } from './delivery-limit.js'
import { headersOf, wholeNumber } from './incoming.js'
import type { BrokerVersion } from './version.js'

/** Looking at failed messages must not use them up: each look is a delivery to the broker, and it may count them. */
export interface LookGuard {
  /** Before the first message is taken. Throws a DuckfleetError `usage` when the queue would drop messages soon. */
  begin(): Promise<void>
  /** Throws the same when this message has come back so often that few looks are left. */
  check(message: ConsumeMessage): void
}

/** A queue that takes fewer deliveries is not looked at: a command that is stopped or killed takes some, too. */
const LEAST = DEFAULT_LIMIT

export function createLookGuard(
  queue: string,
  version: BrokerVersion,
  ask: {
    readonly limit: () => Promise<DeliveryLimit>
    /** Whether the queue has the arguments that we give it, which set no limit. */
    readonly isOurs: () => Promise<boolean>
  },
  warn: (sentence: string) => void,
): LookGuard {
  let wary = Infinity
  return {
    async begin() {
      const limit = await ask.limit()
      switch (limit.kind) {
        case 'none':
          return
        case 'limit': {
          const { deliveries } = limit
          const told = `RabbitMQ drops messages of ${queue} after ${deliveries} deliveries, and each look is one`
          if (deliveries < LEAST)
            throw new DuckfleetError(
              'usage',
              `${told}: nothing was looked at; ${remedy(limit, queue, version)}`,
            )
          warn(`${told}; ${remedy(limit, queue, version)}`)
          wary = deliveries / 2
          return
        }
        case 'unknown':
          warn(
            `whether RabbitMQ drops messages of ${queue} that were looked at often is not known: ${limit.why}`,
          )
          if (version.atLeast(4, 0) && !(await ask.isOurs())) wary = DEFAULT_LIMIT / 2
          return
        default:
          limit satisfies never
      }
    },
    check({ properties }) {
      const returned = wholeNumber(headersOf(properties)['x-delivery-count']) ?? 0
      if (returned < wary) return
      throw new DuckfleetError(
        'usage',
        `messages of ${queue} were looked at ${returned} times, and RabbitMQ may drop them soon: ${unlimited(queue, version)}`,
      )
    },
  }
}

function remedy(
  { from }: DeliveryLimit & { readonly kind: 'limit' },
  queue: string,
  version: BrokerVersion,
): string {
  // Arguments stay as long as their queue does.
  return from === 'argument'
    ? 'move them to a queue that was made without x-delivery-limit'
    : unlimited(queue, version)
}

function unlimited(queue: string, version: BrokerVersion): string {
  const pattern = `^${queue.replaceAll('.', '\\.')}$`
  // 3.x knows no number for it.
  return version.atLeast(4, 0)
    ? `set a policy for ${pattern} with delivery-limit -1, of a higher priority than any other`
    : `set a policy for ${pattern} without delivery-limit, of a higher priority than the one that limits it`
}
