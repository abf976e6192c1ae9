import Table from 'cli-table3'
import { Command } from 'commander'
import { installEngine } from '../engine/install.js'
import { locateEngines } from '../engine/locate.js'
import type { InstalledEngine } from '../engine/locate.js'
import type { Environment } from '../engine/npm.js'
import { engineArgument, engineName, ENGINES, findEngine } from '../engine/registry.js'
import type { EngineSpec } from '../engine/registry.js'
import { asDuckfleetError } from '../errors.js'
import type { CommandContext } from './io.js'

/** What the `engines` commands need besides their context. */
export interface EnginesOptions {
  readonly cacheFolder: string
  /** The environment; npm gets the part of it that it needs. */
  readonly environment: Environment
}

const LIST_EXAMPLES = `
Examples:
  $ duckfleet engines list           as a table
  $ duckfleet engines list --json    one JSON object a line`
const INSTALL_EXAMPLES = `
Examples:
  $ duckfleet engines install 1.4.4                another target
  $ duckfleet engines install wasm:0.5.1 0.8.1     a reader of older files, and a target that is compiled if need be

Exit status: 0 all well; 1 one could not be installed; 2 wrong usage.`
const EXAMPLES = `
Examples:
  $ duckfleet engines list             every engine there is, and which are installed
  $ duckfleet engines install 1.4.4    one more`

/** `duckfleet engines list` and `duckfleet engines install R…`. */
export function enginesCommand(context: CommandContext, options: EnginesOptions): Command {
  const engines = new Command('engines')
    .description('show and install DuckDB engines')
    .addHelpText('after', EXAMPLES)
  engines
    .command('list')
    .description('show every engine that can be had: release, driver, what it opens, whether it is installed')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', LIST_EXAMPLES)
    .action(async ({ json }: { json?: boolean }) => {
      await list(context, options, json === true)
    })
  engines
    .command('install')
    .description('fetch engines into the engine folder, with npm')
    .argument('<release...>', 'such as 1.4.4, 0.8.1, native:0.8.1, wasm:0.5.1')
    .addHelpText('after', INSTALL_EXAMPLES)
    .action(async (names: string[]) => {
      if (!(await installAll(names, context, options))) context.setExitCode(1)
    })
  return engines
}

async function list({ io }: CommandContext, { cacheFolder }: EnginesOptions, json: boolean): Promise<void> {
  const installed = new Map(
    (await locateEngines(cacheFolder)).map((engine) => [engineName(engine), engine] as const),
  )
  if (json) {
    for (const engine of ENGINES) io.out(JSON.stringify(asJson(engine, installed.get(engineName(engine)))))
    return
  }
  const table = new Table({
    head: ['release', 'driver', 'opens', 'writes', 'installed', 'name for install'],
    style: { head: [], border: [], compact: true },
  })
  for (const engine of ENGINES) {
    const state = stateOf(installed.get(engineName(engine)))
    table.push([
      engine.release,
      engine.driver,
      versions(engine),
      engine.canWrite ? 'yes' : 'no',
      state,
      engineArgument(engine),
    ])
  }
  for (const line of table.toString().split('\n')) io.out(line)
  io.out(`Engines that are installed on demand are kept in ${cacheFolder}`)
}

function asJson(engine: EngineSpec, installed: InstalledEngine | undefined): object {
  const { release, driver, npmPackage, npmVersion, opens, canWrite } = engine
  return {
    release,
    driver,
    package: `${npmPackage}@${npmVersion}`,
    opens,
    canWrite,
    installed: installed !== undefined,
    bundled: installed?.bundled ?? false,
    path: installed?.modulePath ?? null,
  }
}

function stateOf(installed: InstalledEngine | undefined): string {
  if (installed === undefined) return 'no'
  return installed.bundled ? 'bundled' : 'yes'
}

function versions({ opens }: EngineSpec): string {
  return opens.from === opens.to ? String(opens.from) : `${opens.from} – ${opens.to}`
}

/** One after another: a compile takes every processor there is. True when all are there at the end. */
async function installAll(
  names: readonly string[],
  { io, signal }: CommandContext,
  { cacheFolder, environment }: EnginesOptions,
): Promise<boolean> {
  // All names are looked at before the first install, which may take minutes.
  const wanted = names.map(findEngine)
  const onProgress = (line: string): void => {
    io.err(line)
  }
  let allWell = true
  for (const engine of wanted) {
    try {
      const { bundled, modulePath } = await installEngine(engine, {
        cacheFolder,
        environment,
        onProgress,
        signal,
      })
      io.out(`${engineName(engine)}: ${bundled ? 'comes with duckfleet' : 'installed'} (${modulePath})`)
    } catch (error) {
      const failure = asDuckfleetError(error)
      if (failure.code === 'aborted') throw failure
      io.err(failure.message)
      allWell = false
    }
  }
  return allWell
}
