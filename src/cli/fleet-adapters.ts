import type { FleetConfig } from '../fleet-config.js'
import type { Places } from '../fleet/examine.js'
import type { Location } from '../fleet/route.js'
import type { Depths } from '../queue/port-depth.js'
import type { FailedMessages } from '../queue/port-failed.js'
import type { Queue } from '../queue/port.js'
import type { TrackerSource } from '../tracker/port.js'
import type { BrokerEvent } from './connection-watch.js'

/** A connection to the broker, that comes back by itself. */
interface Broker {
  /** `deliveryTimeoutMs`: how long a message may be worked on. `onConsuming`: told whether the broker knows of a consumer. */
  queue(
    name: string,
    options: { readonly deliveryTimeoutMs?: number; readonly onConsuming?: (consuming: boolean) => void },
  ): Promise<Queue>
  close(): Promise<void>
}

/** The stores of an environment. */
export interface Stores {
  readonly places: (source: Location, destination: Location) => Places
  close(): Promise<void>
}

/** Opens the services that a fleet stands on. */
export interface FleetAdapters {
  openBroker(fleet: FleetConfig, onEvent: (event: BrokerEvent) => void, signal: AbortSignal): Promise<Broker>
  openStores(fleet: FleetConfig): Promise<Stores>
  /** Connects when it is asked for the first trackers. */
  openTrackers(fleet: FleetConfig): Promise<TrackerSource>
  openDepths(fleet: FleetConfig, onEvent: (event: BrokerEvent) => void, signal: AbortSignal): Promise<Depths>
  openFailed(
    fleet: FleetConfig,
    onEvent: (event: BrokerEvent) => void,
    signal: AbortSignal,
  ): Promise<FailedMessages>
}

/** Loads the services' clients when the first of them is opened: they take longer to load than a small file to upgrade. */
export function whenUsed(load: () => Promise<FleetAdapters>): FleetAdapters {
  return {
    openBroker: async (...args) => (await load()).openBroker(...args),
    openStores: async (...args) => (await load()).openStores(...args),
    openTrackers: async (...args) => (await load()).openTrackers(...args),
    openDepths: async (...args) => (await load()).openDepths(...args),
    openFailed: async (...args) => (await load()).openFailed(...args),
  }
}
