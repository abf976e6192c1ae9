import { mkdir, readFile, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { duckdbFiles } from '../src/cli/duckdb-files.js'
import type { InstalledEngine } from '../src/engine/locate.js'
import { engineName } from '../src/engine/registry.js'
import type { BenchCase } from './cases.js'
import { measure } from './measure.js'
import type { Measured, NodeCommand } from './measure.js'
import { CLI } from './project.js'
import { stockCommands, stockReader } from './stock.js'

/** Every measurement of one case; the lists are as long as there were runs. */
export interface CaseResult {
  readonly name: string
  readonly kind: BenchCase['kind']
  readonly files: number
  /** Of all sources together. */
  readonly bytes: number
  /** Engines that exported for stock. */
  readonly stockReaders: readonly string[]
  readonly stock: readonly Measured[]
  readonly full: readonly Measured[]
  readonly none: readonly Measured[]
  /** `full` with {@link MEMORY_LIMIT}; big files only. */
  readonly limited: readonly Measured[]
}

/** What `--memory` says where memory is measured. */
export const MEMORY_LIMIT = '512MB'

export interface RunOptions {
  readonly runs: number
  readonly engines: readonly InstalledEngine[]
  readonly target: InstalledEngine
  /** Folder for everything; it is as empty afterwards as before. */
  readonly folder: string
  readonly say: (line: string) => void
}

/** Measures stock and ours in turns, so that whatever else the machine does meets both. */
export async function runCase(
  bench: BenchCase,
  options: RunOptions,
  signal: AbortSignal,
): Promise<CaseResult> {
  const { runs, folder, say } = options
  const sources = path.join(folder, 'sources')
  await mkdir(sources, { recursive: true })
  try {
    say(`${bench.name}: preparing`)
    await bench.prepare(sources, signal)
    const subject = await describeSources(sources, bench, options)
    const found = {
      stock: [] as Measured[],
      full: [] as Measured[],
      none: [] as Measured[],
      limited: [] as Measured[],
    }
    for (let number = 1; number <= runs; number++) {
      for (const [way, commands] of subject.ways) {
        const measured = await timeOne(commands, folder, signal)
        found[way].push(measured)
        say(`${bench.name}: run ${number} of ${runs}, ${way}: ${measured.seconds.toFixed(2)} s`)
      }
    }
    const { files, bytes, stockReaders } = subject
    return { name: bench.name, kind: bench.kind, files, bytes, stockReaders, ...found }
  } finally {
    await rm(sources, { recursive: true, force: true })
  }
}

type Way = 'stock' | 'full' | 'none' | 'limited'

interface Subject {
  readonly files: number
  readonly bytes: number
  readonly stockReaders: readonly string[]
  readonly ways: readonly (readonly [Way, readonly NodeCommand[]])[]
}

async function describeSources(sources: string, { kind }: BenchCase, options: RunOptions): Promise<Subject> {
  const files = await duckdbFiles(sources)
  // Read once, so that no run is the one that waits for the disk.
  for (const file of files) await readFile(file)
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size))
  const readers = await Promise.all(
    files.map(async (file) => ({ file, reader: await stockReader(file, options.engines) })),
  )
  const out = outFolder(options.folder)
  const [single] = files
  const [from, to] =
    kind === 'fleet' || single === undefined
      ? [sources, path.join(out, 'new')]
      : [single, path.join(out, 'new.duckdb')]
  const release = ['--to', options.target.release]
  const ours = (...flags: string[]): NodeCommand[] => [
    [CLI, 'upgrade', from, to, ...release, ...flags, '--json'],
  ]
  const limited = ours('--memory', MEMORY_LIMIT)
  return {
    files: files.length,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    stockReaders: [...new Set(readers.map(({ reader }) => engineName(reader)))],
    ways: [
      ['stock', stockCommands(readers, options.target, out)],
      ['full', ours('--verify', 'full')],
      ['none', ours('--verify', 'none')],
      ...(kind === 'volume' ? [['limited', limited] as const] : []),
    ],
  }
}

/** Not timed: making the folder and removing what was written. */
async function timeOne(
  commands: readonly NodeCommand[],
  folder: string,
  signal: AbortSignal,
): Promise<Measured> {
  const out = outFolder(folder)
  await mkdir(out)
  try {
    return await measure(commands, { ...process.env, WORK_DIR: path.join(folder, 'work') }, signal)
  } finally {
    await rm(out, { recursive: true, force: true })
  }
}

function outFolder(folder: string): string {
  return path.join(folder, 'out')
}
