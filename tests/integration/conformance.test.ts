import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JobReport } from '../../src/fleet/report.js'
import { type CliResult, jobReports, runCli } from '../support/cli.js'
import { answers, conformanceCases } from '../support/conformance.js'
import { fixture } from '../support/fixtures.js'

const UPGRADE_TIMEOUT_MS = 300_000

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duckfleet-conformance-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
})

async function upgrade(source: string, destination: string, ...flags: string[]): Promise<CliResult> {
  return await runCli(['upgrade', source, destination, '--jobs', '2', '--json', ...flags], {
    workDir: join(folder, 'work'),
  })
}

describe.each([
  { set: 'conformance', release: '0.6.1', count: 63, outcome: 'migrated', flags: [] },
  { set: 'conformance', release: '0.7.1', count: 61, outcome: 'migrated', flags: [] },
  { set: 'conformance', release: '0.8.1', count: 61, outcome: 'migrated', flags: [] },
  { set: 'conformance', release: '1.4.4', count: 65, outcome: 'copied', flags: [] },
  {
    set: 'conformance',
    release: '1.4.4',
    count: 65,
    outcome: 'migrated',
    flags: ['--storage-version', 'v1.5.0'],
  },
  { set: 'pitfalls', release: '0.6.1', count: 25, outcome: 'migrated', flags: [] },
  { set: 'pitfalls', release: '0.8.1', count: 31, outcome: 'migrated', flags: [] },
  { set: 'tables', release: '0.8.1', count: 8, outcome: 'migrated', flags: [] },
] as const)('$set of $release, $outcome to 1.5.6', async ({ set, release, count, outcome, flags }) => {
  const { folder: source, cases } = await conformanceCases(release, set)
  let destination: string
  let result: CliResult
  let reports: JobReport[]
  beforeAll(async () => {
    destination = join(folder, `${set}-${release}-${outcome}`)
    result = await upgrade(source, destination, '--to', '1.5.6', ...flags)
    reports = jobReports(result)
  }, UPGRADE_TIMEOUT_MS)

  it(`are all upgraded: ${count}`, () => {
    const others = reports.filter((report) => report.outcome !== outcome)
    expect(others.map(({ source, error }) => [source, error?.message])).toEqual([])
    expect(reports.map((report) => basename(report.source, '.duckdb')).sort()).toEqual(
      cases.map(({ name }) => name).sort(),
    )
    expect(reports).toHaveLength(count)
    expect(result.code).toBe(0)
  })

  it.each(cases)('$name answers as it did', async (one) => {
    const found = await answers(join(destination, `${one.name}.duckdb`), one)
    expect(found).toEqual(one.checks.map(({ want }) => want))
  })
})

describe('the sample fleet', () => {
  it('is all upgraded and verified', async () => {
    const result = await upgrade(await fixture('trackers'), join(folder, 'trackers'))
    const reports = jobReports(result)
    expect(reports.map(({ outcome, error }) => [outcome, error])).toEqual(Array(5).fill(['migrated', null]))
    expect(reports.reduce((sum, { rows }) => sum + (rows ?? 0), 0)).toBe(92_000)
    expect(result.code).toBe(0)
  })

  it('brings the rows of a WAL', async () => {
    const result = await upgrade(await fixture('wal'), join(folder, 'wal'))
    expect(jobReports(result).map(({ outcome, error }) => [outcome, error])).toEqual(
      Array(3).fill(['migrated', null]),
    )
    expect(result.code).toBe(0)
  })
})
