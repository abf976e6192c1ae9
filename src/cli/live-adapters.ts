import type { S3Client } from '@aws-sdk/client-s3'
import type { FleetConfig } from '../fleet-config.js'
import type { Location } from '../fleet/route.js'
import { connectRabbit } from '../queue/rabbitmq/broker.js'
import { databaseCredentials, rabbitCredentials } from '../secrets/credentials.js'
import { createSecrets } from '../secrets/secrets.js'
import { createEfsStore } from '../store/efs.js'
import type { Store } from '../store/port.js'
import { createS3Client } from '../store/s3/client.js'
import { createS3Store } from '../store/s3/store.js'
import { createPostgresTrackers } from '../tracker/postgres.js'
import type { FleetAdapters, Stores } from './fleet-adapters.js'
import { liveOperator } from './live-operator.js'

/** The real services: RabbitMQ, S3, EFS, Postgres, Secrets Manager. Nothing is connected before it is opened. */
export function createLiveAdapters(): FleetAdapters {
  return {
    async openBroker(fleet, onEvent, signal) {
      const secrets = createSecrets()
      const credentials = rabbitCredentials(fleet.rabbit, { secrets, ca: fleet.ca })
      try {
        const broker = await connectRabbit(
          { credentials, onEvent, heartbeatSeconds: fleet.rabbitHeartbeatSeconds },
          signal,
        )
        return {
          queue: (name, options) => broker.queue(name, options),
          close: async () => {
            await broker.close()
            secrets.close()
          },
        }
      } catch (error) {
        secrets.close()
        throw error
      }
    },
    ...liveOperator,
    openStores: (fleet) => Promise.resolve(openStores(fleet)),
    openTrackers(fleet) {
      const secrets = createSecrets()
      const credentials = databaseCredentials(fleet.database, { secrets, ca: fleet.ca })
      const trackers = createPostgresTrackers({ credentials, query: fleet.trackerQuery })
      return Promise.resolve({
        trackers: (filter, signal) => trackers.trackers(filter, signal),
        close: async () => {
          await trackers.close()
          secrets.close()
        },
      })
    },
  }
}

function openStores(fleet: FleetConfig): Stores {
  let client: S3Client | undefined
  const buckets = new Map<string, Store>()
  const bucket = (name: string): Store => {
    const known = buckets.get(name)
    if (known) return known
    client ??= createS3Client({ endpoint: fleet.s3Endpoint, ca: fleet.ca, idleMs: fleet.s3IdleMs })
    const store = createS3Store({ client, bucket: name, endpoint: fleet.s3Endpoint })
    buckets.set(name, store)
    return store
  }
  const source = createEfsStore(fleet.migrateSrc, { mounted: true, filled: true })
  const destination = createEfsStore(fleet.migrateDst, { mounted: true })
  const open = (location: Location, efs: Store): Store => {
    switch (location.datastore) {
      case 's3':
        return bucket(location.bucket)
      case 'efs':
        return efs
      default:
        return location satisfies never
    }
  }
  return {
    places: (from, to) => ({
      source: { store: open(from, source), key: from.key },
      destination: { store: open(to, destination), key: to.key },
    }),
    close: () => {
      client?.destroy()
      return Promise.resolve()
    },
  }
}
