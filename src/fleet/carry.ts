import { mkdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { throwIfAborted } from '../abort.js'
import { DuckfleetError } from '../errors.js'
import type { UpgradeRequest, UpgradeResult } from '../migration/upgrade.js'
import type { Examination, Places } from './examine.js'
import type { JobDeps } from './job-deps.js'
import { timed } from './report.js'
import type { Draft } from './report.js'
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
  const { places, examined, draft, deps, signal } = run
  const request = requestFor(run)
  for (const file of [request.source, request.destination]) await mkdir(path.dirname(file))
  if (examined.action === 'migrate') deps.warm?.(examined.header, deps.policy.target, signal)
  const onBytes = deps.onDownload
  await timed(draft, 'download', () =>
    places.source.store.download(
      places.source.key,
      examined.file,
      request.source,
      onBytes === undefined ? {} : { onBytes },
      signal,
    ),
  )
  throwIfAborted(signal)
  switch (examined.action) {
    case 'migrate':
      await migrate(run, request)
      await publish(run, request.destination)
      draft.outcome = 'migrated'
      return
    case 'copy':
      await prove(run, request)
      if (deps.policy.inPlace) draft.bytesOut = draft.bytesIn
      else await publish(run, request.source)
      draft.outcome = 'copied'
      return
    default:
      examined.action satisfies never
  }
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

/** Proves that a file which is right already can be read, unless nobody asked; its bytes stay as they are. */
async function prove({ draft, deps, signal }: Run, request: UpgradeRequest): Promise<void> {
  if (deps.policy.verify === 'none') return
  const before = await stat(request.source, { bigint: true })
  describe(draft, await deps.check(request, signal))
  const after = await stat(request.source, { bigint: true })
  if (before.mtimeNs !== after.mtimeNs || before.size !== after.size) {
    throw new DuckfleetError(
      'engine',
      `${draft.source}: the check changed its copy of the file, so it is not passed on`,
    )
  }
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
  const { inPlace, overwrite, target } = deps.policy
  throwIfAborted(signal)
  const options = {
    overwrite,
    metadata: {
      'duckfleet-version': deps.version,
      'duckdb-release': target.release,
      'source-version': examined.file.version,
    },
    ...(inPlace ? { replaces: examined.file } : {}),
  }
  const published = await timed(draft, 'upload', async () => {
    if (inPlace) await store.backup(key, examined.file, `.bak-${examined.header.storageVersion}`, signal)
    return await store.publish(finished, key, options, signal)
  })
  draft.bytesOut = published.bytes
  draft.digest = published.digest
}
