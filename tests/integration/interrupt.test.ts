import { createHash } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { duckdbFiles } from '../../src/cli/duckdb-files.js'
import type { JobReport } from '../../src/fleet/report.js'
import { type CliResult, jobReports, runCli, type RunningCli, startCli } from '../support/cli.js'
import { fixture } from '../support/fixtures.js'
import { enginesOf, until } from '../support/processes.js'
import { onSmallDisk } from '../support/small-disk.js'

/** Sample files that are upgraded one after another: some are done, some have not begun when it is stopped. */
const COPIES = 4

let folder: string
let workDir: string
let old: string
let upgraded: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duckfleet-interrupt-'))
  workDir = join(folder, 'work')
  old = join(folder, 'old')
  upgraded = join(folder, 'new')
  for (const made of [workDir, old, upgraded]) await mkdir(made)
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

async function putFleet(): Promise<void> {
  const samples = await duckdbFiles(await fixture('trackers'))
  for (let copy = 0; copy < COPIES; copy++) {
    for (const [i, sample] of samples.entries()) await copyFile(sample, join(old, `${copy}-${i}.duckdb`))
  }
}

async function putConformance(name: string): Promise<string> {
  const file = join(old, `${name}.duckdb`)
  await copyFile(join(await fixture('conformance'), '0.8.1', `${name}.duckdb`), file)
  return file
}

function start(...flags: string[]): RunningCli {
  return startCli(['upgrade', old, upgraded, '--jobs', '2', '--json', ...flags], { workDir })
}

function pidOf({ child }: RunningCli): number {
  if (child.pid === undefined) throw new Error('the command did not start')
  return child.pid
}

async function digest(file: string): Promise<string> {
  return `sha256:${createHash('sha256')
    .update(await readFile(file))
    .digest('hex')}`
}

async function expectReported(reports: readonly JobReport[]): Promise<void> {
  const done = reports.filter(({ outcome }) => outcome === 'migrated')
  const wanted = done.map(({ destination, digest }) => [destination, digest]).sort()
  const files = (await readdir(upgraded)).map((name) => join(upgraded, name))
  expect(await Promise.all(files.sort().map(async (file) => [file, await digest(file)]))).toEqual(wanted)
}

describe.each([
  { signal: 'SIGINT', code: 130 },
  { signal: 'SIGTERM', code: 143 },
] as const)('$signal in the middle of a folder', ({ signal, code }) => {
  it(`ends with ${code}, whole files only, no work folder and no engine`, async () => {
    await putFleet()
    const running = start()
    const pid = pidOf(running)
    await running.lines(2)
    expect(enginesOf(pid)).not.toEqual([])
    process.kill(pid, signal)
    const asked = Date.now()
    const result = await running.ended
    expect(Date.now() - asked).toBeLessThan(5_000)
    expect(result.code).toBe(code)
    expect(enginesOf(pid)).toEqual([])
    expect(await readdir(workDir)).toEqual([])
    const reports = jobReports(result)
    const done = reports.filter(({ outcome }) => outcome === 'migrated')
    expect(done.length).toBeGreaterThanOrEqual(2)
    expect(done.length).toBeLessThan(COPIES * 5)
    await expectReported(reports)
    expect(result.stderr).toMatch(
      new RegExp(`stopped on request: ${done.length} of ${COPIES * 5} files were done`),
    )
  })
})

it('a second Ctrl-C ends at once, and the engines with it', async () => {
  await putFleet()
  const running = start()
  const pid = pidOf(running)
  await running.lines(1)
  running.child.stderr?.on('data', (text: string) => {
    if (text.includes('once more to stop at once')) running.child.kill('SIGINT')
  })
  process.kill(pid, 'SIGINT')
  expect((await running.ended).code).toBe(130)
  await until(() => enginesOf(pid).length === 0, 5_000)
  for (const file of await duckdbFiles(upgraded)) await expectWhole(file)
})

/** By comparing it with its source: nobody was left to say that it is finished. */
async function expectWhole(file: string): Promise<void> {
  const source = join(old, file.slice(upgraded.length))
  const { code, stderr } = await runCli(['verify', source, file], { workDir: join(folder, 'verify') })
  expect([file, code, stderr]).toEqual([file, 0, ''])
}

it('goes on after Ctrl-Z and fg, however long it stood still', async () => {
  await putFleet()
  const running = start()
  const pid = pidOf(running)
  await running.lines(2)
  process.kill(pid, 'SIGSTOP')
  // Longer than an engine may be silent.
  await delay(15_000)
  process.kill(pid, 'SIGCONT')
  const result = await running.ended
  expect([result.code, result.stderr]).toEqual([0, expect.not.stringContaining('hung')])
  expect(jobReports(result).filter(({ outcome }) => outcome === 'migrated')).toHaveLength(COPIES * 5)
})

describe('kill -9 of the command', () => {
  it('leaves whole files only; engines end by themselves; the next run tidies up and does the rest', async () => {
    await putFleet()
    const running = start()
    const pid = pidOf(running)
    await running.lines(2)
    const engines = enginesOf(pid)
    expect(engines).not.toEqual([])
    process.kill(pid, 'SIGKILL')
    expect((await running.ended).code).toBeNull()
    await until(() => enginesOf(pid).length === 0, 10_000)
    const finished = await duckdbFiles(upgraded)
    expect(finished.length).toBeGreaterThanOrEqual(2)
    expect(finished.length).toBeLessThan(COPIES * 5)
    for (const file of finished) await expectWhole(file)
    expect(await readdir(workDir)).not.toEqual([])

    const again = await start('--overwrite').ended
    expect(again.code).toBe(0)
    expect(await readdir(workDir)).toEqual([])
    expect((await duckdbFiles(upgraded)).length).toBe(COPIES * 5)
    await expectReported(jobReports(again))
  })
})

describe('no space', () => {
  /** One file that fails for want of space: an error of one line that says so, and nothing written. */
  function expectRefused(result: CliResult, message: RegExp): void {
    expect(result.code).toBe(1)
    const [report, ...others] = jobReports(result)
    expect(others).toEqual([])
    expect(report?.outcome).toBe('failed')
    expect(report?.error?.message).toMatch(message)
    expect(report?.error?.message).not.toContain('\n')
  }

  async function upgradeOne(file: string, wrapper: readonly string[]): Promise<CliResult> {
    return await runCli(['upgrade', file, `${upgraded}/`, '--json'], { workDir, wrapper })
  }

  it('on the work disk is seen before anything is copied', async () => {
    const file = await putConformance('wide')
    const result = await upgradeOne(file, onSmallDisk(workDir, '8m'))
    expectRefused(result, /not enough space in .*: \d+ MB needed, 9 MB free; free some, or point WORK_DIR/)
    expect(await readdir(upgraded)).toEqual([])
  })

  it('on the work disk, in the middle, fails the file and leaves nothing behind', async () => {
    const file = await putConformance('rows_300k')
    // As soon as the source has arrived, somebody else takes the rest of the disk.
    const fill = `"$@" & cli=$!
      until ls '${workDir}'/duckfleet-*/slot-0/job-*/source/* >/dev/null 2>&1; do sleep 0.01; done
      cat /dev/zero > '${workDir}/ballast' 2>/dev/null
      wait $cli; code=$?
      test "$(ls '${workDir}')" = ballast || exit 99
      exit $code`
    const result = await upgradeOne(file, onSmallDisk(workDir, '120m', fill))
    expectRefused(result, /no space left in .*: free some|not enough space in .*; free some/)
    expect(await readdir(upgraded)).toEqual([])
  })

  it('at the destination leaves no half file', async () => {
    const file = await putConformance('wide')
    const check = `"$@"; code=$?; test -z "$(ls -A '${upgraded}')" || exit 99; exit $code`
    const result = await upgradeOne(file, onSmallDisk(upgraded, '512k', check))
    expectRefused(result, /no space left; free some, or use a bigger disk/)
  })

  it('by a limit on the size of a file leaves no half file', async () => {
    const file = await putConformance('many_tables')
    const result = await upgradeOne(file, ['bash', '-c', 'ulimit -f 2048; exec "$@"', 'bash'])
    expectRefused(result, /File too large|file too large/)
    expect(await readdir(upgraded)).toEqual([])
    expect(await readdir(workDir)).toEqual([])
  })
})
