import type { Tracker } from '../tracker/port.js'
import type { Message } from './message.js'
import type { Route } from './route.js'

/** From where to where. */
export interface MessageRules {
  readonly route: Route
  /** Used by the routes that read from S3, or write there. */
  readonly sourceBucket: string
  readonly destinationBucket: string
}

/** The message for one file. Nothing is checked here: that is done when it is written. */
export function messageFor(rules: MessageRules, tracker: Tracker, from: string, to: string): Message {
  const { route, sourceBucket, destinationBucket } = rules
  switch (route) {
    case 's3-s3':
      return {
        route,
        body: {
          source_datastore: 's3',
          destination_datastore: 's3',
          source_bucket: sourceBucket,
          destination_bucket: destinationBucket,
          'tracker-id': tracker.id,
          source_key: from,
          dest_key: to,
        },
      }
    case 'efs-efs':
      return { route, body: { source_datastore: 'efs', destination_datastore: 'efs', key: from } }
    case 's3-efs':
      return {
        route,
        body: {
          source_datastore: 's3',
          destination_datastore: 'efs',
          source_bucket: sourceBucket,
          'tracker-id': tracker.id,
          source_key: from,
          key: to,
        },
      }
    case 'efs-s3':
      return {
        route,
        body: {
          source_datastore: 'efs',
          destination_datastore: 's3',
          key: from,
          destination_bucket: destinationBucket,
          dest_key: to,
        },
      }
    default:
      return route satisfies never
  }
}
