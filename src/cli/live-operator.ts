import type { FleetConfig } from '../fleet-config.js'
import { openDepths } from '../queue/rabbitmq/depths.js'
import { openFailedMessages } from '../queue/rabbitmq/failed-messages.js'
import { rabbitCredentials } from '../secrets/credentials.js'
import type { CredentialsSource, RabbitCredentials } from '../secrets/credentials.js'
import { createSecrets } from '../secrets/secrets.js'
import type { FleetAdapters } from './fleet-adapters.js'

/** What operators look at and move by hand. */
export const liveOperator: Pick<FleetAdapters, 'openDepths' | 'openFailed'> = {
  openDepths: (fleet, onEvent, signal) =>
    withCredentials(fleet, (credentials) => {
      const { rabbitManagement: management, ca } = fleet
      return openDepths({ credentials, onEvent, management, ca }, signal)
    }),
  openFailed: (fleet, onEvent, signal) =>
    withCredentials(fleet, (credentials) => {
      const { rabbitHeartbeatSeconds: heartbeatSeconds, rabbitManagement: management, ca } = fleet
      return openFailedMessages({ credentials, onEvent, heartbeatSeconds, management, ca }, signal)
    }),
}

/** Lets go of the secrets with what was opened, and when it could not be. */
async function withCredentials<T extends { close(): Promise<void> }>(
  fleet: FleetConfig,
  open: (credentials: CredentialsSource<RabbitCredentials>) => Promise<T>,
): Promise<T> {
  const secrets = createSecrets()
  try {
    const opened = await open(rabbitCredentials(fleet.rabbit, { secrets, ca: fleet.ca }))
    return {
      ...opened,
      close: async () => {
        await opened.close()
        secrets.close()
      },
    }
  } catch (error) {
    secrets.close()
    throw error
  }
}
