import { createHash } from 'node:crypto'
import { DuckfleetError, asDuckfleetError } from '../errors.js'
import { WAL_SUFFIXES } from '../migration/file/wal.js'
import type { ListedFile, Store } from '../store/port.js'
import type { Tracker } from '../tracker/port.js'
import { serializeMessage } from './message.js'
import { messageFor } from './publish-message.js'
import type { MessageRules } from './publish-message.js'
import { destinationKey, fileBelow, mixesSites, prefixOf } from './publish-template.js'
import type { PublishLayout } from './publish-template.js'

const SUFFIX = '.duckdb'

/** From where to where, how files are found and called, and which are big. */
export interface PublishRules extends MessageRules {
  readonly layout: PublishLayout
  /** Bytes: files of this size and more, their WALs included, go to the big queue. */
  readonly bigFrom: number
}

export type SizeClass = 'small' | 'big'

/** One message, not sent yet. */
export interface PlannedMessage {
  readonly queue: SizeClass
  /** Of the file and its WALs. */
  readonly bytes: number
  readonly body: string
  /** The same work on the same bytes has the same id. */
  readonly id: string
  /** Keys in their stores. */
  readonly sourceKey: string
  readonly destinationKey: string
}

/** What a tracker's files make. `problems` are sentences about files that get no message. */
export interface TrackerPlan {
  readonly messages: readonly PlannedMessage[]
  readonly problems: readonly string[]
}

interface Found {
  readonly key: string
  /** Below the tracker's folder. */
  readonly file: string
  /** In a folder that may be another tracker's: `{tracker}/x/` is also `{site}/x/` of a site that has this tracker's name. */
  readonly doubtful: boolean
  readonly bytes: number
  /** Of the file and its WALs. */
  readonly versions: readonly string[]
}

/** Lists a tracker's files and says what to send for them. Rejects with what the store rejects with. */
export async function planTracker(
  tracker: Tracker,
  rules: PublishRules,
  source: Store,
  signal: AbortSignal,
): Promise<TrackerPlan> {
  const prefixes = prefixesOf(rules, tracker)
  const { found, links } = await findFiles(prefixes, source, signal)
  const problems = links.map(
    (key) =>
      `${source.describe(key)} is a symbolic link to a folder elsewhere, and is not followed: nothing in it was sent; put ` +
      'the folder itself there',
  )
  if (found.length === 0) {
    const where = prefixes.map(({ prefix }) => source.describe(prefix)).join(' and ')
    return { messages: [], problems: [...problems, `there are no *${SUFFIX} files in ${where}`] }
  }
  const messages: PlannedMessage[] = []
  for (const { key } of found.filter(({ doubtful }) => doubtful))
    problems.push(
      `${source.describe(key)} was not sent: its folder may be another tracker's; move it up if it is not`,
    )
  const own = found.filter(({ doubtful }) => !doubtful)
  for (const [to, sharing] of byDestination(own, tracker, rules)) {
    const [one, ...others] = sharing
    const names = sharing.map(({ key }) => source.describe(key)).join(' and ')
    try {
      if (others.length > 0)
        problems.push(
          `${names} would become the same ${to}; none was sent: rename all but one, or take them away`,
        )
      else if (one !== undefined) messages.push(plan(tracker, one, to, rules))
    } catch (error) {
      problems.push(`${names} was not sent: ${asDuckfleetError(error).message}`)
    }
  }
  return { messages, problems }
}

/** Files by the key of their destination: more than one would overwrite each other. */
function byDestination(
  found: readonly Found[],
  tracker: Tracker,
  rules: PublishRules,
): ReadonlyMap<string, readonly Found[]> {
  const groups = new Map<string, Found[]>()
  for (const file of found) {
    const to = destinationOf(file, tracker, rules)
    const group = groups.get(to)
    if (group === undefined) groups.set(to, [file])
    else group.push(file)
  }
  return groups
}

function destinationOf({ key, file }: Found, tracker: Tracker, { route, layout }: PublishRules): string {
  if (route === 'efs-efs') return key
  const to = destinationKey(layout.destination, tracker, file)
  // `a//b` and `a/b` are two objects, and one file.
  return route === 's3-efs' ? to.replace(/\/(\.?\/)+/g, '/') : to
}

/** Where a tracker's files are; `loose`: other trackers may have folders in there, because it names no site. */
interface Prefix {
  readonly prefix: string
  readonly loose: boolean
}

function prefixesOf(rules: PublishRules, tracker: Tracker): readonly Prefix[] {
  const ofEfs = readsEfs(rules)
  const prefixes = sourcesOf(rules).map((template): Prefix => ({
    prefix: prefixOf(template, tracker),
    loose: ofEfs && !template.includes('{site}'),
  }))
  return [...new Map(prefixes.map((one) => [one.prefix, one])).values()]
}

function readsEfs({ route }: PublishRules): boolean {
  return route === 'efs-efs' || route === 'efs-s3'
}

function sourcesOf(rules: PublishRules): readonly string[] {
  return readsEfs(rules) ? rules.layout.efsFolders : [rules.layout.s3Prefix]
}

/** Whether a tracker's destinations may be those of one with the same id in another site. */
export function sharesDestinations(rules: PublishRules): boolean {
  // There, a file keeps its name.
  return rules.route !== 'efs-efs' && mixesSites(sourcesOf(rules), rules.layout.destination)
}

/** Every database once, also where one folder lies in the other; and links to folders, which nobody followed. */
async function findFiles(
  prefixes: readonly Prefix[],
  source: Store,
  signal: AbortSignal,
): Promise<{ readonly found: readonly Found[]; readonly links: readonly string[] }> {
  const links = new Set<string>()
  const databases = new Map<string, ListedFile & Pick<Found, 'file' | 'doubtful'>>()
  const wals = new Map<string, ListedFile>()
  for (const { prefix, loose } of prefixes) {
    for await (const listed of source.list(prefix, signal)) {
      if (listed.unfollowed === true) links.add(listed.key)
      else if (!listed.key.endsWith(SUFFIX)) {
        if (WAL_SUFFIXES.some((suffix) => listed.key.endsWith(SUFFIX + suffix))) wals.set(listed.key, listed)
      } else if (!databases.has(listed.key)) {
        const file = fileBelow(prefix, listed.key)
        const doubtful = loose && file.includes('/')
        databases.set(listed.key, { ...listed, file, doubtful })
      }
    }
  }
  const found = [...databases.values()].map((database): Found => {
    // An empty WAL holds nothing, and comes and goes.
    const beside = WAL_SUFFIXES.flatMap((suffix) => wals.get(database.key + suffix) ?? [])
    const parts = [database, ...beside.filter(({ size }) => size > 0)]
    return {
      key: database.key,
      file: database.file,
      doubtful: database.doubtful,
      bytes: parts.reduce((sum, { size }) => sum + size, 0),
      versions: parts.map(({ version }) => version),
    }
  })
  return { found, links: [...links] }
}

function plan(tracker: Tracker, found: Found, to: string, rules: PublishRules): PlannedMessage {
  const message = messageFor(rules, tracker, found.key, to)
  if (message.route === 's3-s3' && rules.sourceBucket === rules.destinationBucket && found.key === to) {
    throw new DuckfleetError('usage', 'its destination is the file itself, which is never written')
  }
  const body = serializeMessage(message)
  const work = JSON.stringify([body, ...found.versions])
  return {
    queue: found.bytes >= rules.bigFrom ? 'big' : 'small',
    bytes: found.bytes,
    body,
    id: createHash('sha256').update(work).digest('hex').slice(0, 32),
    sourceKey: found.key,
    destinationKey: to,
  }
}
