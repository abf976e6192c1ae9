import { type ChildProcess, spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { JobReport } from '../../src/fleet/report.js'
import { engineFolder } from './engines.js'

/** The checkout. */
export const PROJECT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** The compiled command. */
const CLI = join(PROJECT, 'dist', 'src', 'cli', 'main.js')

export interface CliResult {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  readonly workDir: string
  /** A program and its arguments that shall run node, such as a shell that sets limits first. */
  readonly wrapper?: readonly string[]
}

/** The command under way. */
export interface RunningCli {
  readonly child: ChildProcess
  readonly ended: Promise<CliResult>
  /** Resolves when stdout holds that many lines; rejects when the command ends before. */
  lines(count: number): Promise<void>
}

/** Starts the compiled command in a process of its own. */
export function startCli(args: readonly string[], { workDir, wrapper = [] }: CliOptions): RunningCli {
  const [program = process.execPath, ...rest] = [...wrapper, process.execPath, CLI, ...args]
  const env = { ...process.env, WORK_DIR: workDir, DUCKFLEET_ENGINES: engineFolder }
  const child = spawn(program, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  }
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      resolve({ code, ...said })
    })
  })
  const lines = (count: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (said.stdout.split('\n').length > count) resolve()
      }
      child.stdout.on('data', look)
      look()
      void ended.then(({ code }) => {
        reject(new Error(`ended with ${String(code)} before ${count} lines: ${said.stderr}`))
      }, reject)
    })
  return { child, ended, lines }
}

/** Runs the compiled command to its end. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  return await startCli(args, options).ended
}

/** What `upgrade --json` printed; nothing but whole lines of JSON is accepted. */
export function jobReports({ stdout }: Pick<CliResult, 'stdout'>): JobReport[] {
  const lines = stdout.split('\n')
  if (lines.pop() !== '') throw new Error(`the last line is not complete: ${stdout.slice(-200)}`)
  return lines.map((line) => JSON.parse(line) as JobReport)
}
