import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JobReport } from '../../src/fleet/report.js'
import { jobReports, runCli } from '../support/cli.js'
import { answersOf, conformanceCases } from '../support/conformance.js'
import { TestEngine } from '../support/database.js'
import { ensureEngine, INSTALL_TIMEOUT_MS } from '../support/engines.js'

const UPGRADE_TIMEOUT_MS = 300_000

let folder: string
let engine: TestEngine
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duckfleet-conformance-0.8.1-'))
  engine = await TestEngine.start(await ensureEngine('native:0.8.1'), folder)
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await engine.stop()
  await rm(folder, { recursive: true })
})

describe.each([
  { release: '0.6.1', count: 63 },
  { release: '0.7.1', count: 61 },
])('files of $release, upgraded to 0.8.1', async ({ release, count }) => {
  const { folder: source, cases } = await conformanceCases(release)
  let destination: string
  let code: number | null
  let reports: JobReport[]
  beforeAll(async () => {
    destination = join(folder, release)
    const args = ['upgrade', source, destination, '--to', '0.8.1', '--jobs', '2', '--json']
    const result = await runCli(args, { workDir: join(folder, 'work') })
    code = result.code
    reports = jobReports(result)
  }, UPGRADE_TIMEOUT_MS)

  it(`are all upgraded: ${count}`, () => {
    const others = reports.filter(({ outcome }) => outcome !== 'migrated')
    expect(others.map(({ source, error }) => [source, error?.message])).toEqual([])
    expect(reports).toHaveLength(count)
    expect(code).toBe(0)
  })

  it.each(cases)('$name answers as it did', async (one) => {
    const found = await answersOf(engine, join(destination, `${one.name}.duckdb`), one)
    expect(found).toEqual(one.checks.map(({ want }) => want))
  })
})
