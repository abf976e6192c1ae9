import { mkdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { throwIfAborted } from '../abort.js'
import { DuckfleetError, asDuckfleetError } from '../errors.js'
import { parseHeader, requireDatabase } from '../migration/file/header.js'
import { alreadyWrittenBy, mayBeOutdated } from '../migration/file/releases.js'
import type { UpgradeRequest, UpgradeResult } from '../migration/upgrade.js'
import type { StoredFile } from '../store/port.js'
import { headLength } from './examine.js'
import type { Examination, Places } from './examine.js'
import type { JobDeps } from './job-deps.js'
import { timed } from './report.js'
import type { Draft } from './report.js'
import { step } from './step.js'
import type { StepName } from './step.js'
import { workName } from './work-folder.js'

/** One job under way. */
export interface Run {
  readonly folder: string
  readonly places: Places
  readonly examined: Examination
  readonly draft: Draft
  readonly deps: JobDeps
  readonly signal: AbortSignal
}

/**
 * Downloads the file, upgrades or checks it, and publishes it; leaves in the draft what it learns on the way. Rejects
 * with a DuckfleetError when a step fails: the destination is then untouched.
 */
export async function carry(run: Run): Promise<void> {
  const { examined, draft, deps, signal } = run
  const request = requestFor(run)
  for (const file of [request.source, request.destination]) await mkdir(path.dirname(file))
  if (examined.action === 'migrate') deps.warm?.(examined.header, deps.policy.target, signal)
  const told = <T>(name: StepName, work: () => Promise<T>): Promise<T> => step(name, draft, deps.onStep, work)
  await told('download', () => download(run, request.source))
  throwIfAborted(signal)
  const upgrade = async (): Promise<void> => {
    await told('upgrade', () => migrate(run, request))
    await told('publish', () => publish(run, request.destination))
    draft.outcome = 'migrated'
  }
  switch (examined.action) {
    case 'migrate':
      await upgrade()
      return
    case 'copy':
      if (await told('check', () => prove(run, request))) {
        await upgrade()
        return
      }
      if (deps.policy.inPlace) draft.bytesOut = draft.bytesIn
      else await told('publish', () => publish(run, request.source))
      draft.outcome = 'copied'
      return
    case 'compare':
      await told('compare', () => compareExisting(run, examined.existing, request))
      draft.outcome = 'migrated'
      return
    default:
      examined satisfies never
  }
}

async function download({ places, examined, draft, deps, signal }: Run, to: string): Promise<void> {
  const { store, key } = places.source
  const { head } = examined
  const options = deps.onDownload === undefined ? { head } : { head, onBytes: deps.onDownload }
  await timed(draft, 'download', () => store.download(key, examined.file, to, options, signal))
}

function requestFor({ folder, examined, places, deps: { policy } }: Run): UpgradeRequest {
  return {
    source: path.join(folder, 'source', workName(places.source.key)),
    header: examined.header,
    destination: path.join(folder, 'target', workName(places.destination.key)),
    folder,
    target: policy.target,
    verify: policy.verify,
    memory: policy.memory,
    threads: policy.threads,
  }
}

async function migrate({ draft, deps, signal }: Run, request: UpgradeRequest): Promise<void> {
  const result = await deps.upgrade(request, signal)
  describe(draft, result)
  draft.ms.export = Math.round(result.ms.export)
  draft.ms.import = Math.round(result.ms.import)
  const wal = await stat(`${request.destination}.wal`).catch(() => undefined)
  if (wal !== undefined && wal.size > 0) {
    throw new DuckfleetError(
      'engine',
      `${draft.source}: the new file was not closed properly (its WAL is not empty)`,
    )
  }
}

/**
 * Proves that a file which is right already can be read, unless nobody asked; its bytes stay as they are. True when it was
 * not right after all, and has to be written anew.
 */
async function prove({ examined, draft, deps, signal }: Run, request: UpgradeRequest): Promise<boolean> {
  if (deps.policy.verify === 'none' && !mayBeOutdated(examined.header)) return false
  const before = await stat(request.source, { bigint: true })
  const result = await deps.check(request, signal)
  if (result.outdated !== true) describe(draft, result)
  const after = await stat(request.source, { bigint: true })
  if (before.mtimeNs !== after.mtimeNs || before.size !== after.size) {
    throw new DuckfleetError(
      'engine',
      `${draft.source}: the check changed its copy of the file, so it is not passed on`,
    )
  }
  return result.outdated === true
}

/**
 * The destination is there: it holds what the source holds, so that nothing is left to do, or it is somebody else's, and
 * is left alone.
 */
async function compareExisting(run: Run, existing: StoredFile, request: UpgradeRequest): Promise<void> {
  const { places, draft, deps, signal } = run
  const { store, key } = places.destination
  const { target } = deps.policy
  const head = await store.readHead(key, existing, headLength(store, existing), signal)
  const found = parseHeader(head, existing.size)
  if (found.kind !== 'database' || !alreadyWrittenBy(requireDatabase(found, draft.destination), target))
    throw occupied(run, existing, `it is no database of ${target.release}`)
  await timed(draft, 'download', () => store.download(key, existing, request.destination, { head }, signal))
  try {
    // Always in full: how well our own new files are proved says nothing of one that somebody else may have made.
    describe(draft, await deps.compare({ ...request, verify: 'full' }, signal))
  } catch (error) {
    const { code, message } = asDuckfleetError(error)
    if (code === 'difference') throw occupied(run, existing, message, error)
    throw error
  }
  await assertSourceUnchanged(run)
  draft.bytesOut = existing.size
  draft.warnings.push(`${draft.destination} was there already and holds the same; nothing was written`)
}

/** A source that went on while it was being upgraded makes the new file an old one: the next try takes it as it is then. */
async function assertSourceUnchanged({ places, examined, deps, signal }: Run): Promise<void> {
  // In place, the store itself looks, at the last moment.
  if (deps.policy.inPlace) return
  const { store, key } = places.source
  await store.assertUnchanged(key, examined.file, signal)
}

function occupied(
  { draft, deps }: Run,
  { writtenAt }: StoredFile,
  why: string,
  cause?: unknown,
): DuckfleetError {
  const { destination } = draft
  const sentence =
    deps.policy.existing === 'replace'
      ? `${destination} was written at ${new Date(writtenAt).toISOString()}, after its message was published, and is not this file upgraded: ${why}; to replace it all the same, publish it again`
      : `${destination} exists already and is not this file upgraded: ${why}; move it away, or allow overwriting (OVERWRITE=true)`
  return new DuckfleetError('usage', sentence, { cause })
}

function describe(draft: Draft, result: UpgradeResult): void {
  draft.tables = result.tables
  draft.rows = result.rows
  draft.indexes = result.indexes
  draft.warnings.push(...result.warnings)
  draft.ms.verify = Math.round(result.ms.verify)
}

async function publish(run: Run, finished: string): Promise<void> {
  const { places, examined, draft, deps, signal } = run
  const { store, key } = places.destination
  const { inPlace, existing, target } = deps.policy
  const replaces = inPlace ? examined.file : examined.existing
  throwIfAborted(signal)
  const options = {
    metadata: {
      'duckfleet-version': deps.version,
      'duckdb-release': target.release,
      'source-version': examined.file.version,
    },
    ...(replaces ? { replaces } : {}),
    // Not before: the upload of a big file takes long, and whoever works with the source does not wait for it.
    lastLook: () => assertSourceUnchanged(run),
  }
  const published = await timed(draft, 'upload', async () => {
    if (inPlace) await store.backup(key, examined.file, `.bak-${examined.header.storageVersion}`, signal)
    return await store.publish(finished, key, options, signal).catch(async (error: unknown) => {
      const { code, message } = asDuckfleetError(error)
      // A worker with a bigger disk has no more room there.
      if (code === 'no-space') throw new DuckfleetError('transient', message, { cause: error })
      const looked =
        existing !== 'refuse' && replaces === undefined ? await store.stat(key, signal) : undefined
      if (looked?.file === undefined) throw error
      throw new DuckfleetError(
        'transient',
        `${draft.destination} appeared while this job was at work; the next try compares it`,
        { cause: error },
      )
    })
  })
  draft.bytesOut = published.bytes
  draft.digest = published.digest
}
