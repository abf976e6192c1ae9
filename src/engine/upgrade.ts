import { rm } from 'node:fs/promises'
import { asDuckfleetError, DuckfleetError } from '../errors.js'
import { clone } from '../migration/clone.js'
import { readThrough, verifyClone } from '../migration/clone-verify.js'
import { compareOld, readThroughOld } from '../migration/compare-old.js'
import type { Hooks } from '../migration/ports.js'
import { Stopwatch } from '../migration/stopwatch.js'
import { type Step, transfer } from '../migration/transfer.js'
import { FractionsDiffer } from '../migration/verify/compare.js'
import type { StorageHeader } from '../migration/file/header.js'
import { compareReleases, newestVersionOf } from '../migration/file/releases.js'
import type { CheckFile, Target, UpgradeFile, UpgradeRequest, UpgradeResult } from '../migration/upgrade.js'
import { checkFile, checkWals } from './check-file.js'
import { JobEngines } from './job-engines.js'
import type { InstalledEngine } from './locate.js'
import { canOpen, chooseReader, chooseTarget } from './registry.js'
import { EngineSlot } from './slot.js'

/** First storage version that every later release reads: from here on one engine opens both files. */
const FIRST_STABLE = 64

export interface UpgraderOptions {
  /** Folder of the worker slot: job folders are made inside it, and engines reach nothing outside it. */
  readonly slotFolder: string
  readonly engines: readonly InstalledEngine[]
  /** Which driver reads files from before 0.9 where both are installed; WASM can be confined. */
  readonly prefer?: 'wasm' | 'native'
  readonly hooks?: Hooks
  /** Told of every engine process that died or had to be killed at work. */
  readonly onEngineLost?: () => void
}

export interface Upgrader {
  readonly upgrade: UpgradeFile
  readonly check: CheckFile
  /** Starts the engines that a file with this header will need, while it is on its way. */
  warm(header: StorageHeader, target: Target, signal: AbortSignal): void
  /** Compares `source` with a `destination` that is there already; rejects with `difference` when they differ. */
  readonly compare: UpgradeFile
  /** Ends the engine processes that are kept warm. */
  close(): Promise<void>
}

/** Upgrades files with the engines that are installed, one at a time, in warm processes. */
export function createUpgrader(options: UpgraderOptions): Upgrader {
  const slot = new EngineSlot(options.slotFolder, options.onEngineLost)
  return {
    upgrade: async (request, signal) => {
      const make = (withoutRuns: boolean): Promise<UpgradeResult> =>
        run(slot, { ...options, withoutRuns }, request, signal, (engines, watch) =>
          request.header.storageVersion < FIRST_STABLE
            ? moved(transfer(engines, request.verify, watch, options.hooks))
            : clone(engines, request.verify, watch, options.hooks),
        )
      try {
        return await make(false)
      } catch (error) {
        if (!(error instanceof FractionsDiffer)) throw error
        // Not from the beginning: files without runs can be many times as big.
        await rm(request.destination, { force: true })
        return await make(true)
      }
    },
    check: (request, signal) =>
      run(slot, options, request, signal, (engines) =>
        request.header.storageVersion < FIRST_STABLE
          ? moved(readThroughOld(engines, request.verify))
          : soundStable(engines, request, signal),
      ),
    compare: (request, signal) =>
      run(slot, options, request, signal, async (engines) => {
        if (request.verify === 'full') await soundDestination(request, signal)
        return request.header.storageVersion < FIRST_STABLE
          ? await moved(compareOld(engines, request.verify))
          : await compareStable(engines, request.verify)
      }),
    warm: (header, target, signal) => {
      const { reader, writer } = chooseEngines(options, { header, target })
      slot.warm(reader, signal)
      if (writer !== reader) slot.warm(writer, signal)
    },
    close: () => slot.close(),
  }
}

/** Every value is read by the engine, and every block that it did not need, such as those of indexes, checked here. */
async function soundStable(
  engines: JobEngines,
  request: UpgradeRequest,
  signal: AbortSignal,
): Promise<Counts> {
  const counts = await readThrough(engines, request.verify)
  if (request.verify === 'full') await checkFile(request.source, signal)
  return counts
}

/**
 * Whoever compares rows reads no index, and an engine that meets a damaged block does not say in which of the two files. Of
 * files before 0.9, the engine alone knows the blocks.
 */
async function soundDestination({ destination, target }: UpgradeRequest, signal: AbortSignal): Promise<void> {
  if (newestVersionOf(target.release) < FIRST_STABLE) return
  try {
    await checkFile(destination, signal)
  } catch (thrown) {
    const { code, message } = asDuckfleetError(thrown)
    if (code !== 'corrupt') throw thrown
    throw new DuckfleetError('difference', message.replace('the file', 'the new file'), { cause: thrown })
  }
}

async function compareStable(engines: JobEngines, level: UpgradeRequest['verify']): Promise<Counts> {
  const relations = await verifyClone(engines, level)
  const rows = relations.reduce((sum, relation) => sum + relation.rows, 0n)
  return { tables: relations.length, rows: Number(rows), indexes: 0, warnings: [] }
}

type Counts = Pick<UpgradeResult, 'tables' | 'rows' | 'indexes' | 'warnings' | 'outdated'>

async function moved(outcome: ReturnType<typeof transfer>): Promise<Counts> {
  const { catalog, rows, warnings } = await outcome
  return { tables: catalog.tables.length, rows, indexes: catalog.indexes.length, warnings }
}

async function run(
  slot: EngineSlot,
  options: UpgraderOptions & { readonly withoutRuns?: boolean },
  request: UpgradeRequest,
  signal: AbortSignal,
  work: (engines: JobEngines, watch: Stopwatch<Step>) => Promise<Counts>,
): Promise<UpgradeResult> {
  const start = performance.now()
  const { reader, writer } = chooseEngines(options, request)
  if (request.header.storageVersion >= FIRST_STABLE) await checkWals(request.source, signal)
  const watch = new Stopwatch<Step>()
  const engines = await JobEngines.create(slot, request, reader, writer, signal, options.withoutRuns)
  try {
    const counts = await work(engines, watch)
    const total = Math.round(performance.now() - start)
    return {
      ...counts,
      reader: reader.release,
      ms: { export: watch.ms('export'), import: watch.ms('import'), verify: watch.ms('verify'), total },
    }
  } catch (error) {
    if (signal.aborted) throw new DuckfleetError('aborted', 'stopped on request', { cause: error })
    throw await explainNewer(error, request, writer, signal)
  } finally {
    await engines.close()
  }
}

/** A target that is older than the file may not understand it, which is no damage where every block is whole. */
async function explainNewer(
  error: unknown,
  { source, header: { writer } }: UpgradeRequest,
  { release }: InstalledEngine,
  signal: AbortSignal,
): Promise<unknown> {
  const { code, message } = asDuckfleetError(error)
  const unread = code === 'corrupt' || message.startsWith(UNREAD)
  if (!unread || writer === undefined || compareReleases(writer, release) <= 0) return error
  await checkFile(source, signal)
  return new DuckfleetError(
    'unsupported',
    `${UNREAD}${message.replace(UNREAD, '')} (the file is not damaged: it was created by ${writer}, and holds what ${release} ` +
      'does not know; choose a newer target with --to)',
    { cause: error },
  )
}

const UNREAD = 'the file cannot be read: '

function chooseEngines(
  options: UpgraderOptions,
  request: Pick<UpgradeRequest, 'header' | 'target'>,
): { reader: InstalledEngine; writer: InstalledEngine } {
  const writer = chooseTarget(request.target.release, options.engines)
  if (request.header.storageVersion < FIRST_STABLE)
    return {
      reader: chooseReader(request.header, options.engines, options.prefer ? { prefer: options.prefer } : {}),
      writer,
    }
  if (!canOpen(writer, request.header))
    throw new DuckfleetError(
      'unreadable',
      `the file was written by ${request.header.writer ?? request.header.releases}, which ${writer.release} does not read: choose a newer target with --to`,
    )
  return { reader: writer, writer }
}
