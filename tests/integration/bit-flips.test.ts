import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JobReport } from '../../src/fleet/report.js'
import { blockChecksum } from '../../src/migration/file/checksum.js'
import { type CliResult, jobReports, runCli } from '../support/cli.js'
import { fixture } from '../support/fixtures.js'
import { JobRig } from '../support/job-rig.js'
import { Random } from '../support/random.js'

/*
 * One random bit of a real file, flipped, in half of them with the checksum made right again: FLEET_FLIPS files, 200
 * unless told. A failure names its file and bit, and
 * FLEET_SEED=… replays the whole run.
 */
const SEED = Number(process.env['FLEET_SEED'] ?? '1')
const FLIPS = Number(process.env['FLEET_FLIPS'] ?? '200')
const BATCH = 50
const MOST_MS = 20_000
const TARGET = { release: '1.5.6' }

const TRACKERS = [
  '56/325929995912186/DistributionNewPODs-325929995912186.duckdb',
  '56/325929995912186/DistributionNewPODs-325929995912186.new.duckdb',
  '56/9324670152232788/VolumeCases-9324670152232788.duckdb',
  '56/9324670152232788/VolumeCases-9324670152232788.new.duckdb',
  '71/600700800900100/VolumeCases-600700800900100.duckdb',
]
const CASES = [
  '0.6.1/nested',
  '0.7.1/fk_chain',
  '0.8.1/strings',
  '1.4.4/nested',
  '1.4.4/fk_chain',
  '1.4.4/index_after_update',
  '1.4.4/wide',
]

/** Bytes of every file start with its headers and go on with blocks; few of the flips should hit nothing at all. */
const HEADERS = 3 * 4096
const BLOCK = 262_144

let folder: string
let rig: JobRig
let sources: readonly string[]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duckfleet-flips-'))
  rig = await JobRig.start()
  const trackers = join(await fixture('trackers'), 'perform-dev-raw')
  const cases = await fixture('conformance')
  sources = [
    ...TRACKERS.map((name) => join(trackers, name)),
    ...CASES.map((name) => join(cases, `${name}.duckdb`)),
  ]
})
afterAll(async () => {
  await rig.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Copies a random file with one bit flipped; its name tells which. */
async function flip(random: Random, number: number, into: string): Promise<void> {
  const source = random.pick(sources)
  const bytes = await readFile(source)
  // Bytes that are not zero hold something; a tenth of the flips may hit the headers or what is not in use.
  let at = random.chance(0.1) ? random.int(0, HEADERS - 1) : random.int(HEADERS, bytes.length - 1)
  for (let tries = 0; tries < 1000 && at >= HEADERS && bytes[at] === 0; tries++)
    at = random.int(HEADERS, bytes.length - 1)
  const bit = random.int(0, 7)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
  const sealed = random.chance(0.5)
  if (sealed) seal(bytes, at)
  const name = `${number}-${basename(source, '.duckdb')}-byte${at}-bit${bit}${sealed ? '-sealed' : ''}.duckdb`
  await writeFile(join(into, name), bytes)
}

/** Makes the checksum right again, so that the engine takes what it reads there for what was written. */
function seal(bytes: Buffer, at: number): void {
  const inHeader = at < HEADERS
  const size = inHeader ? 4096 : BLOCK
  const start = inHeader ? at - (at % size) : at - ((at - HEADERS) % size)
  const block = bytes.subarray(start, start + size)
  if (block.length === size) block.writeBigUInt64LE(blockChecksum(block), 0)
}

interface Batch {
  readonly source: string
  readonly dest: string
  readonly workDir: string
  readonly result: CliResult
  readonly reports: readonly JobReport[]
}

async function runBatch(first: number): Promise<Batch> {
  const [source, dest, workDir] = ['source', 'dest', 'work'].map((name) =>
    join(folder, String(first), name),
  ) as [string, string, string]
  for (const made of [source, workDir]) await mkdir(made, { recursive: true })
  const random = new Random(SEED * 1000 + first)
  for (let number = first; number < Math.min(first + BATCH, FLIPS); number++)
    await flip(random, number, source)
  const result = await runCli(['upgrade', source, dest, '--json', '--to', TARGET.release, '--jobs', '2'], {
    workDir,
  })
  return { source, dest, workDir, result, reports: jobReports(result) }
}

/** What went wrong with one file, or nothing. */
async function judge({ source, dest, result }: Batch, report: JobReport): Promise<string[]> {
  const name = basename(report.source)
  const wrong = (why: string): string[] => [`FLEET_SEED=${SEED}: ${name}: ${why}`]
  if (report.ms.total > MOST_MS) return wrong(`took ${report.ms.total} ms`)
  const made = join(dest, name)
  if (report.error) {
    const lines = result.stderr
      .split('\n')
      .filter((line) => line.includes(name) && !line.includes('trying again'))
    if (lines.length !== 1 || report.error.message.includes('\n'))
      return wrong(`was refused in ${lines.length} lines`)
    return (await exists(made)) ? wrong('was refused, but a file is there') : []
  }
  if (report.outcome === 'copied') {
    const same = (await readFile(made)).equals(await readFile(join(source, name)))
    return same ? [] : wrong('was copied with other bytes')
  }
  const difference = await rig.compare(join(source, name), made, TARGET).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
  return difference === undefined ? [] : wrong(`was upgraded to something else: ${difference}`)
}

async function exists(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(() => undefined)
  await file?.close()
  return file !== undefined
}

describe(`random bit flips, FLEET_SEED=${SEED}`, () => {
  const outcomes = new Map<string, number>()
  const batches = Array.from({ length: Math.ceil(FLIPS / BATCH) }, (_, i) => i * BATCH)

  it.each(batches)('are refused, or give what the source engine reads: from %i on', async (first) => {
    const batch = await runBatch(first)
    expect(batch.reports).toHaveLength(Math.min(BATCH, FLIPS - first))
    expect(batch.result.code).toBe(batch.reports.some((report) => report.error) ? 1 : 0)
    expect(batch.result.stderr).not.toMatch(/^\s+at /m)
    const wrong: string[] = []
    for (const report of batch.reports) {
      const key = report.error?.code ?? report.outcome
      outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
      wrong.push(...(await judge(batch, report)))
    }
    expect(wrong).toEqual([])
    expect(await readdir(batch.workDir)).toEqual([])
  })

  it('are no test unless most of them hit something', () => {
    process.stderr.write(`bit flips of FLEET_SEED=${SEED}: ${JSON.stringify(Object.fromEntries(outcomes))}\n`)
    expect(outcomes.get('corrupt') ?? 0).toBeGreaterThan(FLIPS / 4)
  })
})
