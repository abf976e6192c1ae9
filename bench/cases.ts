import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import type { InstalledEngine } from '../src/engine/locate.js'
import { duckdbFiles } from '../src/cli/duckdb-files.js'
import { DuckfleetError } from '../src/errors.js'
import { measure } from './measure.js'
import { benchProgram, bundledArchive } from './project.js'
import { stockCommands, stockReader } from './stock.js'
import { unpackArchive, unpackFile } from './unpack.js'

/** Something to measure: one big file, or a folder of many small ones. */
export interface BenchCase {
  readonly name: string
  readonly kind: 'volume' | 'tables' | 'fleet'
  /** Puts the files into an empty folder. */
  readonly prepare: (folder: string, signal: AbortSignal) => Promise<void>
}

export interface CaseOptions {
  /** Folder of `*.duckdb`, `*.duckdb.xz` or `*.duckdb.br`; undefined: files are made. */
  readonly benchDir: string | undefined
  readonly engines: readonly InstalledEngine[]
  readonly target: InstalledEngine
  /** How many small trackers. */
  readonly trackers: number
}

const PACKED = /^(.+)\.duckdb(\.xz|\.br)?$/

/** Every case, in the order of the report. Throws a DuckfleetError `usage` when BENCH_DIR has no files. */
export async function benchCases(options: CaseOptions): Promise<readonly BenchCase[]> {
  return [...(await volumeCases(options)), tablesCase(options), trackersCase(options)]
}

async function volumeCases({ benchDir, engines }: CaseOptions): Promise<readonly BenchCase[]> {
  if (benchDir === undefined) return [ownVolume(engines)]
  const found = (await readdir(benchDir)).sort().flatMap((file) => {
    const name = PACKED.exec(file)?.[1]
    if (name === undefined) return []
    const prepare: BenchCase['prepare'] = (folder, signal) =>
      unpackFile(path.join(benchDir, file), path.join(folder, `${name}.duckdb`), signal)
    return [{ name, kind: 'volume' as const, prepare }]
  })
  if (found.length > 0) return found
  throw new DuckfleetError('usage', `${benchDir} (BENCH_DIR) holds no *.duckdb, *.duckdb.xz or *.duckdb.br`)
}

/** What can be had without any file given: as big as an engine can make it, else the biggest of the bundled ones. */
function ownVolume(engines: readonly InstalledEngine[]): BenchCase {
  const native = writerOf081(engines)
  if (native === undefined) return bundled('rows-300k', 'volume', 'rows_300k')
  return {
    name: 'made-0.8.1',
    kind: 'volume',
    prepare: (folder, signal) => make(native, 'volume', folder, signal),
  }
}

function tablesCase({ engines }: CaseOptions): BenchCase {
  const native = writerOf081(engines)
  if (native === undefined) return bundled('tables-60', 'tables', 'many_tables')
  const prepare: BenchCase['prepare'] = (folder, signal) => make(native, 'many-tables', folder, signal)
  return { name: 'tables-300', kind: 'tables', prepare }
}

function writerOf081(engines: readonly InstalledEngine[]): InstalledEngine | undefined {
  return engines.find(({ release, driver }) => driver === 'native' && release === '0.8.1')
}

async function make(
  engine: InstalledEngine,
  what: string,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const file = path.join(folder, `${what}.duckdb`)
  await measure([[benchProgram('make-file'), engine.modulePath, what, file]], process.env, signal)
}

function bundled(name: string, kind: BenchCase['kind'], file: string): BenchCase {
  const prepare: BenchCase['prepare'] = async (folder, signal) => {
    const whole = `${folder}.unpacked`
    await unpackArchive(bundledArchive('conformance'), whole, signal)
    await rename(
      path.join(whole, 'conformance', '0.8.1', `${file}.duckdb`),
      path.join(folder, `${file}.duckdb`),
    )
    await rm(whole, { recursive: true })
  }
  return { name, kind, prepare }
}

/**
 * Copies of the bundled trackers: of those that stock can carry at all, and, where the native engines of some of them
 * are installed, of those only. So stock is measured at its best.
 */
function trackersCase({ engines, target, trackers }: CaseOptions): BenchCase {
  const prepare: BenchCase['prepare'] = async (folder, signal) => {
    const whole = `${folder}.unpacked`
    try {
      await unpackArchive(bundledArchive('trackers'), whole, signal)
      const samples = await stockSamples(whole, engines, target, signal)
      for (let copy = 0; copy < trackers; copy++) {
        const sample = samples[copy % samples.length] ?? ''
        const own = path.join(folder, String(copy))
        await mkdir(own)
        await copyFile(sample, path.join(own, path.basename(sample)))
      }
    } finally {
      await rm(whole, { recursive: true, force: true })
    }
  }
  return { name: `trackers-${trackers}`, kind: 'fleet', prepare }
}

async function stockSamples(
  folder: string,
  engines: readonly InstalledEngine[],
  target: InstalledEngine,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const carried: { readonly file: string; readonly reader: InstalledEngine }[] = []
  for (const [i, file] of (await duckdbFiles(folder)).entries()) {
    const sample = { file, reader: await stockReader(file, engines) }
    const trial = path.join(folder, `trial-${i}`)
    await mkdir(trial)
    try {
      await measure(stockCommands([sample], target, trial), process.env, signal)
      carried.push(sample)
    } catch {
      // Such as negative intervals, which Parquet refuses.
      signal.throwIfAborted()
    }
  }
  const native = carried.filter(({ reader }) => reader.driver === 'native')
  const samples = native.length > 0 ? native : carried
  if (samples.length === 0)
    throw new DuckfleetError('engine', 'EXPORT and IMPORT carry none of the bundled trackers')
  return samples.map(({ file }) => file)
}
