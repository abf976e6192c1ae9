import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { newLetter } from '../../src/queue/rabbitmq/letter.js'
import type { Link } from '../../src/queue/rabbitmq/link.js'
import { createPublisher } from '../../src/queue/rabbitmq/publisher.js'

const never = new AbortController().signal

/** A connection whose other side reads nothing and says nothing. */
function silentLink(): Link {
  class Channel extends EventEmitter {
    publish = (): boolean => false
    waitForConfirms = (): Promise<void> => new Promise(() => undefined)
    close = (): Promise<void> => Promise.resolve()
  }
  const model = { createConfirmChannel: () => Promise.resolve(new Channel()) }
  const link: Omit<Link, 'model' | 'version'> = {
    place: 'nowhere',
    lost: never,
    isBlocked: () => false,
    close: () => Promise.resolve(),
  }
  return { ...link, model } as unknown as Link
}

it('waits no longer than the limit for a connection that takes nothing more', async () => {
  const link = silentLink()
  const publisher = createPublisher({
    keeper: {
      link: () => Promise.resolve(link),
      changed: { wait: () => new Promise(() => undefined) },
      emit: () => undefined,
      close: () => Promise.resolve(),
    },
    ensure: () => Promise.resolve(),
    limitMs: 200,
  })
  const send = (): Promise<void> => publisher.send('queue', newLetter({ body: 'x' }), never)
  const first = send()
  first.catch(() => undefined)
  await new Promise((resolve) => setTimeout(resolve, 20))
  // The first one filled it: this one is not even written.
  await expect(send()).rejects.toMatchObject({
    code: 'transient',
    message: expect.stringContaining('takes no messages') as string,
  })
  await expect(first).rejects.toMatchObject({ code: 'transient' })
}, 3_000)
