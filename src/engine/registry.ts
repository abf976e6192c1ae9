import { DuckfleetError } from '../errors.js'
import { describeHeader } from '../migration/file/header.js'
import type { StorageHeader } from '../migration/file/header.js'
import {
  compareReleases,
  NEWEST_STORAGE_VERSION,
  parseRelease,
  requiredStorageVersion,
} from '../migration/file/releases.js'
import { ENGINES } from './engine-list.js'
import type { EngineSpec } from './engine-list.js'

export { ENGINES } from './engine-list.js'
export type { Driver, EngineSpec } from './engine-list.js'

const ENCRYPTED = 'the database is encrypted: decrypt it with the DuckDB that wrote it first'

/** `wasm-0.8.1`: names an engine in folders and messages. */
export function engineName({ driver, release }: EngineSpec): string {
  return `${driver}-${release}`
}

/** True when the engine knows the format of such a file. */
export function canOpen(engine: EngineSpec, header: StorageHeader): boolean {
  const required = requiredStorageVersion(header)
  return engine.opens.from <= header.storageVersion && required <= engine.opens.to
}

/**
 * The engine that a person means by `0.8.1`, `native:0.8.1`, `wasm:0.5.1` or `neo:1.4.4`. Without a driver it is
 * the one that is worth installing: neo where it exists, else native, else WASM.
 * @throws DuckfleetError `usage` when there is no such engine.
 */
export function findEngine(text: string): EngineSpec {
  const [, driver, spelling = text] = /^(wasm|native|neo):(.*)$/.exec(text) ?? []
  const release = parseRelease(spelling)
  const order: readonly string[] = driver === undefined ? ['neo', 'native', 'wasm'] : [driver]
  for (const wanted of order) {
    const engine = ENGINES.find((known) => known.driver === wanted && known.release === release)
    if (engine !== undefined) return engine
  }
  const known = ENGINES.filter((engine) => order.includes(engine.driver)).map((engine) => engine.release)
  const what =
    driver === undefined ? `engine of release ${release}` : `${driver} engine of release ${release}`
  throw new DuckfleetError('usage', `there is no ${what}; there are ${[...new Set(known)].join(', ')}`)
}

/** What to type to get an engine. */
export function installCommand(engine: EngineSpec): string {
  return `duckfleet engines install ${engineArgument(engine)}`
}

/** How an engine is spelt on the command line: `1.4.4`, or `wasm:0.8.1` where the plain release means another. */
export function engineArgument(engine: EngineSpec): string {
  return findEngine(engine.release) === engine ? engine.release : `${engine.driver}:${engine.release}`
}

/**
 * The engine that reads a file with this header. Files from before 0.9 go to WASM, because a hostile one can be
 * confined there, unless `prefer` says `native`; later ones go to the newest neo engine.
 * @throws DuckfleetError `unreadable`: which engines are installed, and what to type to get one that opens it.
 */
export function chooseReader<E extends EngineSpec>(
  header: StorageHeader,
  installed: readonly E[],
  options: { readonly prefer?: 'wasm' | 'native' } = {},
): E {
  if (header.encrypted) {
    throw new DuckfleetError(
      'unreadable',
      'the database is encrypted: decrypt it with the DuckDB that wrote it first',
    )
  }
  const preference = options.prefer === 'native' ? ['neo', 'native', 'wasm'] : ['neo', 'wasm', 'native']
  const rank = (engine: E): number => preference.indexOf(engine.driver)
  const [best] = installed
    .filter((engine) => canOpen(engine, header))
    .sort((a, b) => rank(a) - rank(b) || compareReleases(b.release, a.release))
  if (best === undefined) throw new DuckfleetError('unreadable', noReader(header, installed))
  return best
}

/**
 * Checks a file against every engine that could be installed, not against those that are.
 * @throws DuckfleetError `unreadable` when it is encrypted, or when there is no engine for it at all.
 */
export function assertKnownEngine(header: StorageHeader, file: string): void {
  if (header.encrypted) throw new DuckfleetError('unreadable', `${file}: ${ENCRYPTED}`)
  if (ENGINES.some((engine) => canOpen(engine, header))) return
  throw new DuckfleetError(
    'unreadable',
    `${file}: no engine opens ${describeHeader(header)}. ${beyond(header)}`,
  )
}

/**
 * The engine that writes the new files: of the release that is asked for, spelt in any way that
 * {@link parseRelease} takes, or the newest that is installed.
 * @throws DuckfleetError `usage`: which targets are installed, and what to type to get the one that is asked for.
 */
export function chooseTarget<E extends EngineSpec>(release: string | undefined, installed: readonly E[]): E {
  const writers = installed.filter((engine) => engine.canWrite).sort(newestFirst)
  const wanted = release === undefined ? undefined : parseRelease(release)
  const found = wanted === undefined ? writers[0] : writers.find((engine) => engine.release === wanted)
  if (found !== undefined) return found
  const have = writers.length === 0 ? 'none is installed' : `installed: ${list(writers)}`
  if (wanted === undefined)
    throw new DuckfleetError('usage', `no engine that can write is installed: run npm ci again`)
  const known = ENGINES.filter((engine) => engine.canWrite && engine.release === wanted).sort(newestFirst)[0]
  const advice =
    known === undefined
      ? `duckfleet knows no engine that writes ${wanted}; \`duckfleet engines list\` shows those that can`
      : `get it with \`${installCommand(known)}\``
  throw new DuckfleetError(
    'usage',
    `cannot upgrade to DuckDB ${wanted}: ${advice} (engines that write, ${have})`,
  )
}

function noReader(header: StorageHeader, installed: readonly EngineSpec[]): string {
  const have = installed.length === 0 ? 'no engine is installed' : `installed: ${list(installed)}`
  const would = ENGINES.filter((engine) => canOpen(engine, header)).sort(newestFirst)
  const [first] = would
  const what = `no installed engine opens ${describeHeader(header)} (${have}).`
  if (first !== undefined) {
    return `${what} These would: ${list(would)}; get one with \`${installCommand(first)}\``
  }
  return `${what} ${beyond(header)}`
}

/** What to do with a file that no engine in the registry opens. */
function beyond(header: StorageHeader): string {
  return requiredStorageVersion(header) > NEWEST_STORAGE_VERSION
    ? 'It is newer than everything this duckfleet knows: a newer duckfleet may open it'
    : 'It is not of a release that duckfleet knows: upgrade it to 0.4 or later with the DuckDB that wrote it'
}

/** Newest release first; neo before native before WASM of the same release. */
function newestFirst(a: EngineSpec, b: EngineSpec): number {
  const rank = (engine: EngineSpec): number => ['neo', 'native', 'wasm'].indexOf(engine.driver)
  return compareReleases(b.release, a.release) || rank(a) - rank(b)
}

function list(engines: readonly EngineSpec[]): string {
  return engines.map(engineName).join(', ')
}
