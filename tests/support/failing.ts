import { connect } from 'amqplib'
import { HEADERS, failedQueue } from '../../src/queue/rabbitmq/topology.js'
import { connectTo } from './rabbit.js'

/** A failed message as a test wants it. */
export interface WantedFailure {
  readonly id?: string
  readonly tracker: string
  readonly reason: string
  readonly attempts?: number
  /** Milliseconds ago. */
  readonly age?: number
  /** The body; undefined: that of a file of the tracker. */
  readonly content?: Buffer
}

export const bodyOf = (tracker: string, name: string): string =>
  JSON.stringify({
    source_datastore: 's3',
    destination_datastore: 's3',
    source_bucket: 'perform-dev-raw',
    destination_bucket: 'perform-dev-atomicduck',
    'tracker-id': tracker,
    source_key: `tracker-migration/${tracker}/${name}.duckdb`,
    dest_key: `56/${tracker}/${name}.duckdb`,
  })

/** Declares a work queue as workers do, and puts messages into its failed ones, as workers do. */
export async function addFailures(
  url: string,
  work: string,
  wanted: readonly WantedFailure[],
): Promise<void> {
  const { broker } = await connectTo(url)
  await broker.queue(work)
  await broker.close()
  const model = await connect(url)
  try {
    const channel = await model.createConfirmChannel()
    for (const { id, tracker, reason, attempts = 5, age = 0, content } of wanted) {
      const headers = {
        [HEADERS.attempts]: attempts,
        [HEADERS.reason]: reason,
        [HEADERS.error]: `${reason} happened`,
        [HEADERS.failedAt]: new Date(Date.now() - age).toISOString(),
        'x-of-somebody-else': 'kept',
      }
      const options = { persistent: true, headers, ...(id === undefined ? {} : { messageId: id }) }
      channel.sendToQueue(failedQueue(work), content ?? Buffer.from(bodyOf(tracker, id ?? 'file')), options)
    }
    await channel.waitForConfirms()
  } finally {
    await model.close()
  }
}
