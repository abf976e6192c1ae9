import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ConsumeMessage } from 'amqplib'
import { describe, expect, it } from 'vitest'
import { readDeliveryLimit } from '../../src/queue/rabbitmq/delivery-limit.js'
import type { DeliveryLimit } from '../../src/queue/rabbitmq/delivery-limit.js'
import { createLookGuard } from '../../src/queue/rabbitmq/look-guard.js'
import type { LookGuard } from '../../src/queue/rabbitmq/look-guard.js'
import { readVersion } from '../../src/queue/rabbitmq/version.js'

const never = new AbortController().signal

/** What is made of an answer of the management API. */
async function limitFrom(answer: unknown, release: string): Promise<DeliveryLimit> {
  const server = createServer((_request, response) => response.end(JSON.stringify(answer)))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  try {
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const access = { address, user: 'u', password: 'p', ca: undefined }
    const where = { vhost: '/', queue: 'q.failed', version: readVersion(release) }
    return await readDeliveryLimit(access, where, 2_000, never)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const quorum = (argument: number | undefined, policy: number | undefined): unknown => ({
  type: 'quorum',
  arguments: {
    'x-queue-type': 'quorum',
    ...(argument === undefined ? {} : { 'x-delivery-limit': argument }),
  },
  effective_policy_definition: policy === undefined ? [] : { 'delivery-limit': policy },
})

describe('how often a queue delivers a message before it drops it', () => {
  it.each([
    ['3.10.8', undefined, undefined, { kind: 'none' }],
    ['3.10.8', undefined, 3, { kind: 'limit', deliveries: 3, from: 'policy' }],
    ['3.13.7', 5, 9, { kind: 'limit', deliveries: 5, from: 'argument' }],
    ['4.1.8', undefined, undefined, { kind: 'limit', deliveries: 20, from: 'default' }],
    ['4.1.8', -1, undefined, { kind: 'none' }],
    // As its broker does it: a policy's number goes before an argument that says unlimited.
    ['4.1.8', -1, 5, { kind: 'limit', deliveries: 5, from: 'policy' }],
    ['4.1.8', 20, -1, { kind: 'limit', deliveries: 20, from: 'argument' }],
    ['4.1.8', undefined, -1, { kind: 'none' }],
  ] as const)(
    'of RabbitMQ %s with the argument %s and the policy %s',
    async (release, argument, policy, limit) => {
      expect(await limitFrom(quorum(argument, policy), release)).toEqual(limit)
    },
  )

  it('is never, of a classic queue', async () => {
    expect(await limitFrom({ type: 'classic', arguments: {} }, '4.1.8')).toEqual({ kind: 'none' })
  })

  it('is not known of a queue whose policies are not told yet, nor from something else', async () => {
    expect(await limitFrom({ type: 'quorum', arguments: {} }, '4.1.8')).toMatchObject({ kind: 'unknown' })
    expect(await limitFrom('what?', '4.1.8')).toMatchObject({ kind: 'unknown' })
  })
})

describe('looking at failed messages', () => {
  const returned = (times: number): ConsumeMessage =>
    ({ properties: { headers: { 'x-delivery-count': times } } }) as unknown as ConsumeMessage
  const guard = (
    limit: DeliveryLimit,
    ours: boolean,
    release = '4.1.8',
  ): { guard: LookGuard; warned: string[] } => {
    const warned: string[] = []
    const ask = { limit: () => Promise.resolve(limit), isOurs: () => Promise.resolve(ours) }
    return {
      guard: createLookGuard('q.failed', readVersion(release), ask, (said) => warned.push(said)),
      warned,
    }
  }
  const unknown = { kind: 'unknown', why: 'no answer' } as const

  it('goes on for ever where nothing is dropped', async () => {
    const { guard: free, warned } = guard({ kind: 'none' }, true)
    await free.begin()
    free.check(returned(1_000))
    expect(warned).toEqual([])
  })

  it('is refused with the right remedy where a queue drops soon', async () => {
    const by = (from: 'policy' | 'argument', release: string): Promise<void> =>
      guard({ kind: 'limit', deliveries: 5, from }, false, release).guard.begin()
    await expect(by('policy', '4.1.8')).rejects.toThrow(
      'set a policy for ^q\\.failed$ with delivery-limit -1',
    )
    await expect(by('policy', '3.13.7')).rejects.toThrow(
      'set a policy for ^q\\.failed$ without delivery-limit',
    )
    await expect(by('argument', '4.1.8')).rejects.toThrow('move them to a queue')
  })

  it('is wary of a queue of somebody else’s from 4.0 on, when its limit is not known', async () => {
    const { guard: wary, warned } = guard(unknown, false)
    await wary.begin()
    wary.check(returned(9))
    expect(() => {
      wary.check(returned(10))
    }).toThrow('looked at 10 times')
    expect(warned).toHaveLength(1)
    for (const [ours, release] of [
      [true, '4.1.8'],
      [false, '3.10.8'],
    ] as const) {
      const { guard: calm } = guard(unknown, ours, release)
      await calm.begin()
      calm.check(returned(1_000))
    }
  })
})
