import { Command } from 'commander'
import { throwIfAborted } from '../abort.js'
import { describeHeader } from '../migration/file/header.js'
import { duckdbFiles } from './duckdb-files.js'
import { inspectFile } from './inspection.js'
import type { Inspection } from './inspection.js'
import type { CommandContext } from './io.js'

const EXAMPLES = `
Examples:
  $ duckfleet inspect old.duckdb                what one file is
  $ duckfleet inspect trackers/                 every *.duckdb of a folder, at any depth
  $ duckfleet inspect trackers/ --json          one JSON object a line

Exit status: 0 all well; 1 a file is no database, damaged, or not there; 2 wrong usage.`

/** `duckfleet inspect FILE…`: what files are, from their headers, with no engine. Status 1 if any is not readable. */
export function inspectCommand(context: CommandContext): Command {
  return new Command('inspect')
    .description('show what DuckDB files are: storage version, release, encryption, WAL')
    .argument('<file...>', 'files, or folders to search for *.duckdb')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', EXAMPLES)
    .action(async (paths: string[], options: { json?: boolean }) => {
      const allWell = await inspectAll(paths, options.json === true, context)
      if (!allWell) context.setExitCode(1)
    })
}

async function inspectAll(
  paths: readonly string[],
  json: boolean,
  context: CommandContext,
): Promise<boolean> {
  const { io, signal } = context
  let allWell = true
  for (const path of paths) {
    // A path that is not there is told of by the inspection itself.
    const files = await duckdbFiles(path).catch(() => [path])
    if (files.length === 0) io.err(`${path}: no *.duckdb file in this folder`)
    for (const file of files) {
      throwIfAborted(signal)
      const inspection = await inspectFile(file)
      allWell &&= inspection.error === null
      if (json) io.out(JSON.stringify(inspection))
      else print(inspection, context)
    }
  }
  return allWell
}

/** Good files on stdout, the others on stderr, a line each. */
function print(inspection: Inspection, { io }: CommandContext): void {
  const { file, error, storageVersion, size, wal } = inspection
  if (error !== null || storageVersion === null) {
    io.err(error?.message ?? `${file}: nothing is known of it`)
    return
  }
  const what = describeHeader({
    storageVersion,
    releases: inspection.releases ?? '',
    writer: inspection.writer ?? undefined,
    serializationLevel: inspection.serializationLevel ?? undefined,
    encrypted: inspection.encrypted === true,
  })
  const walText = wal === null ? '' : `, WAL of ${bytes(wal)} beside it`
  io.out(`${file}: ${what}, ${bytes(size ?? 0)}${walText}`)
}

function bytes(count: number): string {
  return `${count.toLocaleString('en-US')} bytes`
}
