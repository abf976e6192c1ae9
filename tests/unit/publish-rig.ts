import { DuckfleetError } from '../../src/errors.js'
import type { PlannedMessage } from '../../src/fleet/publish-plan.js'
import type { PublishSummary } from '../../src/fleet/publish-tally.js'
import type { PublishOptions, PublishProblem } from '../../src/fleet/publish-tracker.js'
import { publishRoute } from '../../src/fleet/publish.js'
import type { OutgoingMessage } from '../../src/queue/port.js'
import type { ListedFile, Store } from '../../src/store/port.js'
import { createMemoryTrackers } from '../../src/tracker/memory.js'
import type { Tracker, TrackerSource } from '../../src/tracker/port.js'

const LAYOUT = {
  s3Prefix: 'tracker-migration/{tracker}/',
  efsFolders: ['{site}/{tracker}/', '{tracker}/'],
  destination: '{site}/{tracker}/{file}',
}

const RETRY = { attempts: 3, baseMs: 1, maxMs: 2 }

const S3_S3: PublishOptions = {
  route: 's3-s3',
  sourceBucket: 'from',
  destinationBucket: 'to',
  layout: LAYOUT,
  bigFrom: 1000,
  filter: { trackers: [], sites: [] },
  retry: RETRY,
}

/** A file of a pretended store; its bytes, where somebody reads them. */
export interface Fake {
  readonly size: number
  readonly version?: string
  readonly bytes?: Uint8Array
  readonly unfollowed?: true
}

const unused = (): Promise<never> => Promise.reject(new Error('publishing does not do this'))

/** A store that lists these keys; `broken` may refuse to list a prefix. */
export function fakeStore(
  files: Readonly<Record<string, Fake>>,
  broken: (prefix: string) => DuckfleetError | undefined = () => undefined,
): Store {
  return {
    atOnce: 0,
    describe: (key) => `s3://from/${key}`,
    // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous
    async *list(prefix): AsyncGenerator<ListedFile> {
      const error = broken(prefix)
      if (error !== undefined) throw error
      for (const [key, { size, version = 'v1', unfollowed }] of Object.entries(files))
        if (key.startsWith(prefix)) yield { key, size, version, ...(unfollowed ? { unfollowed } : {}) }
    },
    stat: (key) => {
      const error = broken(key)
      if (error !== undefined) return Promise.reject(error)
      const file = files[key]
      if (file === undefined) return Promise.resolve({ file: undefined, wals: [] })
      return Promise.resolve({
        file: { size: file.size, version: 'v1', identity: key, writtenAt: 0, wals: [] },
        wals: [],
      })
    },
    readHead: (key, _file, length) =>
      Promise.resolve((files[key]?.bytes ?? new Uint8Array()).subarray(0, length)),
    assertUnchanged: unused,
    download: unused,
    publish: unused,
    backup: unused,
  }
}

export interface Published {
  readonly summary: PublishSummary | undefined
  readonly error: DuckfleetError | undefined
  readonly small: readonly OutgoingMessage[]
  readonly big: readonly OutgoingMessage[]
  readonly bodies: readonly Readonly<Record<string, unknown>>[]
  readonly problems: readonly PublishProblem[]
  readonly sent: readonly PlannedMessage[]
}

export interface Setting {
  readonly trackers: readonly Tracker[] | TrackerSource
  readonly source: Store
  readonly destination?: Store
  readonly options?: Partial<PublishOptions>
  /** Called for every message before it is taken; a rejection refuses it. */
  readonly onPublish?: (message: OutgoingMessage, signal: AbortSignal) => Promise<void>
  readonly signal?: AbortSignal
}

/** Publishes to queues that are lists. */
export async function publish(setting: Setting): Promise<Published> {
  const { trackers, source, destination, options, onPublish } = setting
  const queues = { small: [] as OutgoingMessage[], big: [] as OutgoingMessage[] }
  const problems: PublishProblem[] = []
  const sent: PlannedMessage[] = []
  const queue = (name: 'small' | 'big') => ({
    publish: async (message: OutgoingMessage, signal: AbortSignal) => {
      await onPublish?.(message, signal)
      queues[name].push(message)
    },
  })
  const ended = await publishRoute(
    { ...S3_S3, ...options },
    {
      trackers: 'close' in trackers ? trackers : createMemoryTrackers(trackers),
      source,
      ...(destination === undefined ? {} : { destination }),
      queues: { small: queue('small'), big: queue('big') },
      onProblem: (problem) => problems.push(problem),
      onSent: (message) => sent.push(message),
    },
    setting.signal ?? new AbortController().signal,
  ).then(
    (summary) => ({ summary, error: undefined }),
    (error: unknown) => {
      if (!(error instanceof DuckfleetError)) throw error
      return { summary: undefined, error }
    },
  )
  const bodies = [...queues.small, ...queues.big]
    .map(({ body }) => JSON.parse(body) as Record<string, unknown>)
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  return { ...ended, ...queues, problems, sent, bodies }
}
