import { expect } from 'vitest'
import { readFailed } from '../../src/queue/rabbitmq/failed-message.js'
import { failedQueue } from '../../src/queue/rabbitmq/topology.js'
import { queueContract } from '../contracts/queue.js'
import { connectTo, deleteQueues, familyOf, someQueue, takeAll, withChannel } from '../support/rabbit.js'
import { services } from '../support/services.js'

const url = services().rabbitUrl

for (const type of ['quorum', 'classic']) {
  queueContract(`RabbitMQ, ${type} queue`, async () => {
    const name = someQueue()
    // A queue that is there already, as the earlier system made it.
    if (type === 'classic') await withChannel(url, (channel) => channel.assertQueue(name, { durable: true }))
    const { broker } = await connectTo(url)
    const queue = await broker.queue(name)
    return {
      queue,
      async failed() {
        const messages = await takeAll(url, failedQueue(name))
        return messages.map((message) => {
          const { failedAt, ...failed } = readFailed(message)
          expect(Date.parse(failedAt ?? '')).toBeGreaterThan(Date.now() - 60_000)
          return failed
        })
      },
      async dispose() {
        await broker.close()
        await deleteQueues(url, familyOf(name))
      },
    }
  })
}
