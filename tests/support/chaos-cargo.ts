import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { serializeMessage } from '../../src/fleet/message.js'
import type { Message } from '../../src/fleet/message.js'
import type { Route } from '../../src/fleet/route.js'
import type { TestFleet } from './fleet.js'
import { fixture } from './fixtures.js'

/** A small file of an old release. */
interface Sample {
  readonly file: string
  readonly bytes: Buffer
}

/** One file that a fleet shall upgrade. */
export interface Cargo {
  readonly route: Route
  readonly tracker: string
  readonly sample: Sample
  readonly sourceKey: string
  /** Of the destination, in its bucket or below its root. */
  readonly key: string
  /** Of its message. */
  readonly body: string
}

/** Small, and of both ends of what WebAssembly reads; some with rows of many types, some with keys. */
const SAMPLES = ['0.8.1/fk_schemas', '0.6.1/times', '0.7.1/nested', '0.8.1/decimal', '0.6.1/default_exprs']

/** Puts small files where a route reads them, each under a tracker of its own, and tells what their messages are. */
export async function load(fleet: TestFleet, route: Route, trackers: readonly string[]): Promise<Cargo[]> {
  const folder = await fixture('conformance')
  const samples = await Promise.all(
    SAMPLES.map(async (name) => {
      const file = join(folder, `${name}.duckdb`)
      return { file, bytes: await readFile(file) }
    }),
  )
  const cargo: Cargo[] = []
  for (const [i, tracker] of trackers.entries()) {
    const sample = samples[i % samples.length]
    if (sample !== undefined) cargo.push(await put(fleet, route, tracker, sample))
  }
  return cargo
}

/** Names for so many trackers. */
export function trackerIds(count: number, prefix = 'tracker'): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${String(i).padStart(3, '0')}`)
}

async function put(fleet: TestFleet, route: Route, tracker: string, sample: Sample): Promise<Cargo> {
  const name = `VolumeCases-${tracker}.duckdb`
  const key = `56/${tracker}/${name}`
  const sourceKey = route.startsWith('s3') ? `tracker-migration/${tracker}/${name}` : key
  if (route.startsWith('s3')) {
    await fleet.source.put(sourceKey, sample.bytes)
  } else {
    await mkdir(dirname(fleet.path('src', sourceKey)), { recursive: true })
    await writeFile(fleet.path('src', sourceKey), sample.bytes)
  }
  const body = serializeMessage(messageFor(fleet, route, tracker, sourceKey, key))
  return { route, tracker, sample, sourceKey, key, body }
}

function messageFor(fleet: TestFleet, route: Route, tracker: string, source: string, key: string): Message {
  const [from, to] = [fleet.source.name, fleet.destination.name]
  switch (route) {
    case 's3-s3':
      return {
        route,
        body: {
          source_datastore: 's3',
          destination_datastore: 's3',
          source_bucket: from,
          destination_bucket: to,
          'tracker-id': tracker,
          source_key: source,
          dest_key: key,
        },
      }
    case 'efs-efs':
      return { route, body: { source_datastore: 'efs', destination_datastore: 'efs', key } }
    case 's3-efs':
      return {
        route,
        body: {
          source_datastore: 's3',
          destination_datastore: 'efs',
          source_bucket: from,
          'tracker-id': tracker,
          source_key: source,
          key,
        },
      }
    case 'efs-s3':
      return {
        route,
        body: {
          source_datastore: 'efs',
          destination_datastore: 's3',
          key,
          destination_bucket: to,
          dest_key: key,
        },
      }
    default:
      return route satisfies never
  }
}

/** What lies where this file is read. */
export async function sourceOf(
  fleet: TestFleet,
  { route, sourceKey }: Cargo,
): Promise<Uint8Array | undefined> {
  if (route.startsWith('s3')) return await fleet.source.get(sourceKey)
  return await readFile(fleet.path('src', sourceKey)).catch(() => undefined)
}

/** What lies at the destination of this file; undefined when there is nothing. */
export async function destinationOf(
  fleet: TestFleet,
  { route, key }: Cargo,
): Promise<Uint8Array | undefined> {
  if (route.endsWith('s3')) return await fleet.destination.get(key)
  return await readFile(fleet.path('dst', key)).catch(() => undefined)
}
