import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isTempName } from '../../src/store/temp-file.js'
import { destinationOf, sourceOf } from './chaos-cargo.js'
import type { Cargo } from './chaos-cargo.js'
import type { FleetProcess, TestFleet } from './fleet.js'
import { JobRig } from './job-rig.js'
import { enginesOf, until } from './processes.js'
import { services } from './services.js'

/** What a fleet's faults may not do, counted after everything has come to rest. */
export interface Audit {
  /** Trackers without a destination, whose message is not among the failed ones either. */
  readonly lost: readonly string[]
  /** Trackers whose destination is not equal to the source, and why. */
  readonly damaged: readonly string[]
  /** Files at destinations that no message asked for. */
  readonly strange: readonly string[]
  readonly changedSources: readonly string[]
  /** Messages that wait, by queue; those that failed have been taken before. */
  readonly waiting: Readonly<Record<string, number>>
  readonly workFolders: readonly string[]
  readonly tempFiles: readonly string[]
  readonly multipartUploads: readonly string[]
  readonly engines: readonly number[]
  /** Lines of logs that hold a password or key. */
  readonly secrets: readonly string[]
  /** What processes said that is no line of a log: a crash, a warning of a library. */
  readonly noise: readonly string[]
}

export const CLEAN: Audit = {
  lost: [],
  damaged: [],
  strange: [],
  changedSources: [],
  waiting: {},
  workFolders: [],
  tempFiles: [],
  multipartUploads: [],
  engines: [],
  secrets: [],
  noise: [],
}

/** `failed`: trackers whose message failed, as the test has found in the queue of failed messages. */
export async function audit(
  fleet: TestFleet,
  cargo: readonly Cargo[],
  failed: readonly string[] = [],
): Promise<Audit> {
  const lost: string[] = []
  const damaged: string[] = []
  const changedSources: string[] = []
  const rig = await JobRig.start()
  try {
    for (const item of cargo) {
      const source = await sourceOf(fleet, item)
      if (source === undefined || !item.sample.bytes.equals(source)) changedSources.push(item.tracker)
      const made = await destinationOf(fleet, item)
      if (made !== undefined) {
        const problem = await problemOf(rig, item, made)
        if (problem !== undefined) damaged.push(`${item.tracker}: ${problem}`)
      } else if (!failed.includes(item.tracker)) {
        lost.push(item.tracker)
      }
    }
  } finally {
    await rig.stop()
  }
  return {
    lost,
    damaged,
    changedSources,
    ...(await strangers(fleet, cargo)),
    waiting: await fleet.waiting(),
    workFolders: await fleet.leftovers(),
    multipartUploads: [...(await fleet.destination.uploads()), ...(await fleet.source.uploads())],
    engines: await enginesLeft(fleet),
    secrets: fleet.started.flatMap((running) => secretLines(fleet, running)),
    noise: fleet.started.flatMap(noiseOf),
  }
}

/** Compares every object and value of the two files; undefined when they hold the same. */
async function problemOf(rig: JobRig, { sample }: Cargo, made: Uint8Array): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'duckfleet-made-'))
  try {
    const file = join(folder, 'made.duckdb')
    await writeFile(file, made)
    await rig.compare(sample.file, file, { release: '1.5.6' })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function strangers(
  fleet: TestFleet,
  cargo: readonly Cargo[],
): Promise<Pick<Audit, 'strange' | 'tempFiles'>> {
  const wanted = (store: 's3' | 'efs'): ReadonlySet<string> =>
    new Set(cargo.filter(({ route }) => route.endsWith(store)).map(({ key }) => key))
  const [inBucket, inFolder] = [wanted('s3'), wanted('efs')]
  const entries = await readdir(fleet.path('dst'), { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => !entry.isDirectory())
  const temps = files.filter(({ name }) => isTempName(name))
  const named = files.filter((file) => !temps.includes(file))
  const base = fleet.path('dst').length + 1
  return {
    strange: [
      ...(await fleet.destination.names()).filter((key) => !inBucket.has(key)),
      ...named
        .map(({ parentPath, name }) => join(parentPath, name).slice(base))
        .filter((key) => !inFolder.has(key)),
    ],
    tempFiles: temps.map(({ parentPath, name }) => join(parentPath, name)),
  }
}

/** Those of workers that have ended; engines end by themselves soon after. */
async function enginesLeft(fleet: TestFleet): Promise<readonly number[]> {
  const left = (): number[] =>
    fleet.started.flatMap(({ child }) =>
      child.pid === undefined || (child.exitCode === null && child.signalCode === null)
        ? []
        : enginesOf(child.pid),
    )
  await until(() => left().length === 0, 10_000).catch(() => undefined)
  return left()
}

/** Every line of what a process said in which a password or key of this test occurs, in any usual spelling. */
function secretLines(fleet: TestFleet, running: FleetProcess): string[] {
  const { s3, databaseUrl } = services()
  const passwords = [fleet.rabbitUrl, databaseUrl].map((url) => new URL(url).password)
  const secrets = [...passwords, ...passwords.map((word) => decodeURIComponent(word)), s3.secretAccessKey]
  const spelt = secrets.flatMap((secret) => [secret, Buffer.from(secret).toString('base64')])
  return running
    .said()
    .split('\n')
    .filter((line) => spelt.some((secret) => line.includes(secret)))
}

/** The only line that is no JSON tells of a stop that was asked for; a killed process may have said half of one. */
function noiseOf(running: FleetProcess): string[] {
  const { child } = running
  const lines = running.said().split('\n')
  const last = lines.pop() ?? ''
  const rest = lines.filter((line) => line !== '' && !line.startsWith('{') && !line.startsWith('stopping;'))
  return last === '' || child.signalCode === 'SIGKILL' ? rest : [...rest, last]
}
