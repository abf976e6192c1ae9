import { constants, copyFile, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { Command, Option } from 'commander'
import { locateEngines } from '../engine/locate.js'
import type { InstalledEngine } from '../engine/locate.js'
import { chooseReader } from '../engine/registry.js'
import { asDuckfleetError, systemCode } from '../errors.js'
import {
  createJobFolder,
  createRunFolder,
  createSlotFolder,
  removeFolder,
  workName,
} from '../fleet/work-folder.js'
import { requireDatabase } from '../migration/file/header.js'
import { WAL_SUFFIXES } from '../migration/file/wal.js'
import type { StorageHeader } from '../migration/file/header.js'
import type { UpgradeResult } from '../migration/upgrade.js'
import { readHeader } from './inspection.js'
import type { CommandContext } from './io.js'
import { shareMachine } from './upgrade-options.js'
import type { UpgradeDeps } from './upgrade-run.js'

interface VerifyFlags {
  readonly verify: 'full' | 'counts'
  readonly memory?: string
  readonly json?: true
}

const EXAMPLES = `
Examples:
  $ duckfleet verify old.duckdb new.duckdb                   every object and every value
  $ duckfleet verify old.duckdb new.duckdb --verify counts   objects and row counts only

Exit status: 0 equal; 1 different, or one of them cannot be read; 2 wrong usage.`

/** `duckfleet verify OLD NEW`: are two files equal but for the release that wrote them? */
export function verifyCommand(context: CommandContext, deps: UpgradeDeps): Command {
  return new Command('verify')
    .description('compare two files of any releases: objects, rows and values')
    .argument('<old>', 'the file as it was')
    .argument('<new>', 'the file that was made from it, by duckfleet or by anything else')
    .addOption(
      new Option('--verify <level>', 'how much to compare').choices(['full', 'counts']).default('full'),
    )
    .option('--memory <size>', 'memory for the engines, such as 512MB (default: half of the machine)')
    .option('--json', 'print one JSON object on stdout, and nothing else there')
    .addHelpText('after', EXAMPLES)
    .action(async (before: string, after: string, flags: VerifyFlags) => {
      await verify(before, after, flags, context, deps)
    })
}

async function verify(
  before: string,
  after: string,
  flags: VerifyFlags,
  context: CommandContext,
  deps: UpgradeDeps,
): Promise<void> {
  try {
    const result = await compare(before, after, flags, context, deps)
    const { tables, rows, indexes, warnings, ms } = result
    const report = {
      old: before,
      new: after,
      equal: true,
      tables,
      rows,
      indexes,
      warnings,
      ms: ms.total,
      error: null,
    }
    if (flags.json === true) context.io.out(JSON.stringify(report))
    else {
      context.io.out(`equal: ${after} holds what ${before} holds (${tables} tables, ${rows} rows)`)
      for (const warning of warnings) context.io.out(`  note: ${warning}`)
    }
  } catch (error) {
    const { code, message } = asDuckfleetError(error)
    if (code === 'usage' || code === 'aborted') throw error
    const equal = code === 'difference' ? false : null
    if (flags.json === true)
      context.io.out(JSON.stringify({ old: before, new: after, equal, error: { code, message } }))
    else context.io.err(code === 'difference' ? `different: ${message}` : `duckfleet: ${message}`)
    context.setExitCode(1)
  }
}

async function compare(
  before: string,
  after: string,
  flags: VerifyFlags,
  context: CommandContext,
  deps: UpgradeDeps,
): Promise<UpgradeResult> {
  const engines = await locateEngines(deps.config.enginesFolder)
  const header = requireDatabase((await readHeader(before)).result, before)
  const writer = engineOf(requireDatabase((await readHeader(after)).result, after), engines)
  const { memory, threads } = shareMachine(flags, 1)
  const run = await createRunFolder(deps.config.workDir)
  const slotFolder = await createSlotFolder(run, 0)
  const upgrader = deps.createUpgrader(slotFolder, engines)
  try {
    const folder = await createJobFolder(slotFolder)
    const source = path.join(folder, 'old', workName(before))
    const destination = path.join(folder, 'new', workName(after))
    await copyWithWal(before, source)
    await copyWithWal(after, destination)
    const target = { release: writer.release }
    const request = { source, header, destination, folder, target, verify: flags.verify, memory, threads }
    return await upgrader.compare(request, context.signal)
  } finally {
    await upgrader.close()
    await removeFolder(run)
  }
}

/** The engine that opens the new file, and that shows what its release makes of the old one's objects. */
function engineOf(header: StorageHeader, engines: readonly InstalledEngine[]): InstalledEngine {
  return chooseReader(header, engines, { prefer: 'native' })
}

/** Engines get copies, in a folder that they are confined to; rows in a WAL are rows of the file. */
async function copyWithWal(from: string, to: string): Promise<void> {
  await mkdir(path.dirname(to))
  await copyFile(from, to, constants.COPYFILE_FICLONE)
  for (const suffix of WAL_SUFFIXES) {
    try {
      await copyFile(from + suffix, to + suffix, constants.COPYFILE_FICLONE)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }
}
