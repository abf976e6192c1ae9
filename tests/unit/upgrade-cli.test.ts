import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createProgram, runProgram } from '../../src/cli/program.js'
import { createLiveAdapters } from '../../src/cli/live-adapters.js'
import { readConfig } from '../../src/config.js'
import type { Upgrader } from '../../src/engine/upgrade.js'
import { DuckfleetError } from '../../src/errors.js'
import type { JobReport } from '../../src/fleet/report.js'
import { JobBench, RESULT, UPGRADED, database } from './job-bench.js'

let bench: JobBench
let out: string[]
let err: string[]
let open: number
let stop: AbortController
beforeEach(async () => {
  bench = await JobBench.create()
  await mkdir(bench.path('work'))
  ;[out, err, open, stop] = [[], [], 0, new AbortController()]
})
afterEach(async () => {
  await bench.dispose()
})

function upgrader(): Upgrader {
  open += 1
  return {
    upgrade: async (request, signal) => {
      bench.requests.push(request)
      return await bench.upgrade(request, signal)
    },
    check: bench.check,
    compare: bench.check,
    warm: () => undefined,
    close: () => {
      open -= 1
      return Promise.resolve()
    },
  }
}

/** Runs a command line on the bench; paths are relative to it. Nothing may stay open or lie around. */
async function duckfleet(...args: string[]): Promise<number> {
  let asked = 0
  const context = {
    io: { out: (line: string) => out.push(line), err: (line: string) => err.push(line), isTTY: false },
    signal: stop.signal,
    setExitCode: (code: number) => {
      asked = code
    },
  }
  const config = readConfig({ WORK_DIR: bench.path('work'), DUCKFLEET_ENGINES: bench.path('engines') })
  const program = createProgram(context, {
    config,
    version: '0.0.0',
    log: { job: () => undefined, step: () => undefined, event: () => undefined },
    adapters: createLiveAdapters(),
    createUpgrader: upgrader,
  })
  const paths = args.map((arg) =>
    /^(src|dst|other)\b/.test(arg) ? bench.path(arg) + (arg.endsWith('/') ? '/' : '') : arg,
  )
  const status = await runProgram(program, paths, context)
  expect(open).toBe(0)
  expect(await readdir(bench.path('work'))).toEqual([])
  return status === 0 ? asked : status
}

describe('duckfleet upgrade', () => {
  it('upgrades every *.duckdb of a folder, keeps the layout, and shows a table', async () => {
    await bench.put('src/56/a.duckdb', database(39))
    await bench.put('src/71/x/b.duckdb', database(64))
    await bench.put('src/notes.txt', 'not taken')
    expect(await duckfleet('upgrade', 'src', 'dst')).toBe(0)
    expect(await bench.files('dst')).toEqual(['56/a.duckdb', '71/x/b.duckdb'])
    const table = out.join('\n')
    expect(table).toMatch(/56\/a\.duckdb .* 0\.6 \(39\) .* 1\.5\.6 .* 30 .* 1 .* migrated, verified/)
    expect(table).toMatch(/71\/x\/b\.duckdb .* copied, verified/)
    expect(table).toMatch(
      /2 files .* 60 .* 2 .* 1 migrated, 1 copied|2 files .* 60 .* 2 .* 1 copied, 1 migrated/,
    )
    expect(table).toContain('note: 56/a.duckdb: view v was broken already')
    expect(err.filter((line) => line.startsWith('migrated, verified: 56/a.duckdb'))).toHaveLength(1)
    expect(err.join('')).not.toContain('\r')
  })

  it.each([
    ['a file', 'src/a.db', 'dst/b.db', 'b.db'],
    ['a folder that exists', 'src/a.db', 'dst', 'a.db'],
    ['a folder with a slash', 'src/a.db', 'dst/new/', 'new/a.db'],
  ])('upgrades one file of any name into %s', async (_what, source, dest, written) => {
    await bench.put('src/a.db', database(39))
    expect(await duckfleet('upgrade', source, dest)).toBe(0)
    expect(await bench.files('dst')).toEqual([written])
  })

  it('says what it left out because a link leads there', async () => {
    await bench.put('src/a.duckdb', database(43))
    await bench.put('elsewhere/b.duckdb', database(43))
    await symlink(bench.path('elsewhere'), bench.path('src/more'))
    expect(await duckfleet('upgrade', 'src', 'dst')).toBe(1)
    expect(err.join('\n')).toMatch(
      /src\/more is a symbolic link to a folder elsewhere, .*nothing in it is upgraded/,
    )
    expect(await bench.files('dst')).toEqual(['a.duckdb'])
  })

  it('prints one report a line with --json, and nothing else on stdout', async () => {
    await bench.put('src/a.duckdb', database(39))
    await bench.put('src/b.duckdb', 'not a database')
    expect(await duckfleet('upgrade', 'src', 'dst', '--json')).toBe(1)
    const reports = out.map((line) => JSON.parse(line) as JobReport)
    expect(reports.map(({ source, outcome }) => [path.basename(source), outcome]).sort()).toEqual([
      ['a.duckdb', 'migrated'],
      ['b.duckdb', 'skipped'],
    ])
  })

  it('does the others when one fails, says why below the table, and ends with 1', async () => {
    await bench.put('src/a.duckdb', database(39))
    await bench.put('src/b.duckdb', database(39))
    const { upgrade } = bench
    bench.upgrade = async (request, signal) => {
      if (bench.requests.length === 1)
        throw new DuckfleetError('difference', 'table t: 2 rows are missing\u001b[31m')
      return await upgrade(request, signal)
    }
    expect(await duckfleet('upgrade', 'src', 'dst', '--jobs', '1')).toBe(1)
    expect(await bench.files('dst')).toHaveLength(1)
    expect(out.at(-2)).toMatch(/^[ab]\.duckdb: table t: 2 rows are missing\\x1b\[31m$/)
  })

  it('shares memory and threads between the jobs', async () => {
    for (const name of ['a', 'b', 'c']) await bench.put(`src/${name}.duckdb`, database(39))
    expect(await duckfleet('upgrade', 'src', 'dst', '--jobs', '2', '--memory', '512MB')).toBe(0)
    expect(bench.requests.map(({ memory }) => memory)).toEqual([256e6, 256e6, 256e6])
  })

  it('upgrades in place and keeps a backup', async () => {
    await bench.put('src/a.duckdb', database(39))
    expect(await duckfleet('upgrade', 'src', '--in-place')).toBe(0)
    expect(await bench.files('src')).toEqual(['a.duckdb', 'a.duckdb.bak-39'])
    expect(await bench.text('src/a.duckdb')).toBe(UPGRADED)
  })

  it('only says what it would do with --dry-run', async () => {
    await bench.put('src/a.duckdb', database(39))
    await bench.put('src/b.duckdb', database(64))
    await bench.put('src/c.duckdb', 'text')
    expect(await duckfleet('upgrade', 'src', 'dst', '--dry-run')).toBe(1)
    expect(out.join('\n')).toMatch(/a\.duckdb .* migrate .*\n.*b\.duckdb .* copy .*\n.*c\.duckdb .* skip /)
    expect(await duckfleet('upgrade', 'src/a.duckdb', 'dst', '--dry-run', '--json')).toBe(0)
    expect(JSON.parse(out.at(-1) ?? '')).toMatchObject({
      plan: 'migrate',
      from: { storageVersion: 39 },
      error: null,
    })
    expect(await bench.files('dst')).toEqual([])
    expect(bench.requests).toEqual([])
  })

  it('tries a transient error again', async () => {
    await bench.put('src/a.duckdb', database(39))
    const { upgrade } = bench
    bench.upgrade = async (request, signal) => {
      if (bench.requests.length === 1) throw new DuckfleetError('transient', 'the disk was busy')
      return await upgrade(request, signal)
    }
    expect(await duckfleet('upgrade', 'src', 'dst')).toBe(0)
    expect(err[0]).toContain('the disk was busy; trying again in 1 s')
  })

  it('stops in good order: the job ends, the others are not begun, nothing half is left', async () => {
    for (const name of ['a', 'b', 'c']) await bench.put(`src/${name}.duckdb`, database(39))
    bench.upgrade = async (request, signal) => {
      await writeFile(request.destination, 'half')
      if (bench.requests.length === 1) {
        await writeFile(request.destination, UPGRADED)
        return RESULT
      }
      stop.abort(new DuckfleetError('aborted', 'stopped by SIGINT'))
      signal.throwIfAborted()
      return RESULT
    }
    expect(await duckfleet('upgrade', 'src', 'dst', '--jobs', '1')).toBe(1)
    expect(await bench.files('dst')).toHaveLength(1)
    expect(bench.requests).toHaveLength(2)
    expect(err.at(-1)).toContain('1 of 3 files were done')
  })
})

describe('wrong usage ends with 2 and one line that says what to do', () => {
  beforeEach(async () => {
    await bench.put('src/a.duckdb', database(39))
    await bench.put('src/sub/b.duckdb', database(39))
    await bench.put('other/file', 'x')
    await mkdir(bench.path('other/empty'))
  })
  it.each([
    [['upgrade', 'src'], 'use --in-place'],
    [['upgrade', 'src', 'dst', '--in-place'], 'leave'],
    [['upgrade', 'src', 'src'], 'is the source itself'],
    [['upgrade', 'src', 'src/new'], 'inside the other'],
    [['upgrade', 'src/sub', 'src'], 'inside the other'],
    [['upgrade', 'src', 'other/file'], 'is a file'],
    [['upgrade', 'src/missing', 'dst'], 'there is no file or folder'],
    [['upgrade', 'other/empty', 'dst'], 'no *.duckdb files'],
    [['upgrade', 'src', 'dst', '--to', '0.3.0'], '0.3.0'],
    [['upgrade', 'src', 'dst', '--storage-version', 'v9.9.9'], 'v9.9.9'],
    [['upgrade', 'src', 'dst', '--verify', 'some'], 'full, counts, none'],
    [['upgrade', 'src', 'dst', '--jobs', 'many'], 'no number of jobs'],
    [['upgrade', 'src', 'dst', '--memory', 'lots'], 'is not a size'],
    [['upgrade', 'src', 'dst', '--memory', '10MB'], 'too little'],
    [['upgrade'], 'missing required argument'],
    [['upgrad'], "unknown command 'upgrad'"],
    [['upgrade', 'src', 'dst', '--frce'], 'unknown option'],
    [[], 'Usage: duckfleet'],
  ])('%j', async (args, text) => {
    expect(await duckfleet(...args)).toBe(2)
    expect(err.join('\n')).toContain(text)
    expect(out).toEqual([])
    expect(await bench.files('dst')).toEqual([])
    expect(bench.requests).toEqual([])
  })
})

describe('help', () => {
  const ALL = [
    ...['', 'inspect', 'upgrade', 'verify', 'publish', 'consume', 'plan', 'queues'],
    ...['scale', 'scale small', 'scale big', 'scale auto'],
    ...['failed', 'failed list', 'failed show', 'failed retry', 'failed drop'],
    ...['engines', 'engines list', 'engines install'],
  ]
  it.each(ALL)('of %j goes to stdout, with examples', async (command) => {
    const args = [...command.split(' ').filter((word) => word !== ''), '--help']
    expect(await duckfleet(...args)).toBe(0)
    expect(out.join('\n')).toContain('Examples:')
    expect(err).toEqual([])
  })
})
