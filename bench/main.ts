import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Command } from 'commander'
import { readConfig } from '../src/config.js'
import { locateEngines } from '../src/engine/locate.js'
import { chooseTarget } from '../src/engine/registry.js'
import { asDuckfleetError, DuckfleetError } from '../src/errors.js'
import { benchCases } from './cases.js'
import type { BenchCase } from './cases.js'
import { thisMachine } from './machine.js'
import { reportLines } from './report.js'
import { runCase } from './run-case.js'
import type { CaseResult } from './run-case.js'

interface Flags {
  readonly runs: string
  readonly trackers: string
  readonly case?: readonly string[]
  readonly list?: true
  readonly json?: true
}

const HELP = `
BENCH_DIR: a folder of *.duckdb, *.duckdb.xz or *.duckdb.br to measure with. Without it, a file is made with the
native 0.8.1 engine, where \`duckfleet engines install native:0.8.1\` has put one; else a small bundled one serves.`

/** `npm run bench`: duckfleet against EXPORT DATABASE and IMPORT DATABASE, in one run on this machine. */
async function main(signal: AbortSignal): Promise<void> {
  const program = new Command('bench')
    .description('measure duckfleet against EXPORT DATABASE and IMPORT DATABASE')
    .option('--runs <n>', 'how often each way is measured', '3')
    .option('--case <name...>', 'only these cases')
    .option('--trackers <n>', 'how many small files', '200')
    .option('--list', 'show the cases and do nothing')
    .option('--json', 'print one JSON object with every single measurement on stdout')
    .addHelpText('after', HELP)
    .parse()
  const flags = program.opts<Flags>()
  const engines = await locateEngines(readConfig().enginesFolder)
  const target = chooseTarget(undefined, engines)
  const benchDir = process.env['BENCH_DIR']
  const cases = await benchCases({ benchDir, engines, target, trackers: count(flags.trackers) })
  const chosen = choose(cases, flags.case)
  if (flags.list === true) {
    print(chosen.map(({ name }) => name))
    return
  }
  const machine = thisMachine()
  const folder = await mkdtemp(path.join(os.tmpdir(), 'duckfleet-bench-'))
  const results: CaseResult[] = []
  try {
    const options = { runs: count(flags.runs), engines, target, folder, say }
    for (const one of chosen) results.push(await runCase(one, options, signal))
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  if (flags.json === true) print([JSON.stringify({ machine, target: target.release, results })])
  else print(reportLines(machine, target.release, results))
}

function choose(cases: readonly BenchCase[], names: readonly string[] | undefined): readonly BenchCase[] {
  if (names === undefined) return cases
  return names.map((wanted) => {
    const found = cases.find(({ name }) => name === wanted)
    if (found !== undefined) return found
    throw new DuckfleetError(
      'usage',
      `no case ${wanted}; there are ${cases.map(({ name }) => name).join(', ')}`,
    )
  })
}

function count(text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  throw new DuckfleetError('usage', `"${text}" is no number of runs or files; give a whole number from 1`)
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stop.abort()
  })
}
try {
  await main(stop.signal)
} catch (error) {
  say(`bench: ${asDuckfleetError(error).message}`)
  process.exitCode = 1
}
