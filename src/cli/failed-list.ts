import { Command } from 'commander'
import { DuckfleetError } from '../errors.js'
import type { FailedEntry } from '../ops/failed-entry.js'
import { listFailed } from '../ops/failed-list.js'
import { withFailedOptions } from './failed-options.js'
import type { FailedFlags } from './failed-options.js'
import { count, failedDetails, failedTable, unseenLine } from './failed-text.js'
import { withFailed } from './failed-walk.js'
import type { FailedDeps } from './failed-walk.js'
import type { CommandContext } from './io.js'

const LIST_EXAMPLES = `
Examples:
  $ duckfleet failed list --env prod                                the oldest hundred
  $ duckfleet failed list --env prod --reason corrupt --older-than 2h
  $ duckfleet failed list --env prod --limit 100000 --json > failed.jsonl`

/** `duckfleet failed list`: a table, or an object a line. */
export function failedListCommand(context: CommandContext, deps: FailedDeps): Command {
  const { io, signal } = context
  return withFailedOptions(new Command('list'), 'only messages with these ids')
    .description('show the failed messages, the oldest first')
    .option('--limit <n>', 'so many at most', '100')
    .addHelpText('after', LIST_EXAMPLES)
    .action(async (ids: string[], flags: FailedFlags) => {
      await withFailed(ids, flags, context, deps, async ({ walk, progress }) => {
        const entries: FailedEntry[] = []
        const onEntry = (entry: FailedEntry): void => {
          if (flags.json) io.out(JSON.stringify(entry))
          else entries.push(entry)
        }
        const tally = await listFailed(walk, onEntry, signal)
        progress.stop()
        if (!flags.json && entries.length > 0)
          for (const line of failedTable(entries, Date.now())) io.out(line)
        const more = tally.meant === walk.limit ? '; --limit shows more' : ''
        io.err(
          `${count(tally.meant, 'failed message')} of ${tally.looked.toLocaleString('en-US')} looked at${more}`,
        )
        const unseen = unseenLine(tally)
        if (unseen !== undefined) io.err(unseen)
      })
    })
}

const SHOW_EXAMPLES = `
Examples:
  $ duckfleet failed show 9324670152232788/VolumeCases.duckdb --env prod    the id as the list tells it`

/** `duckfleet failed show ID`: everything that is known of one. */
export function failedShowCommand(context: CommandContext, deps: FailedDeps): Command {
  const { io, signal } = context
  return withFailedOptions(new Command('show'), 'as the list tells them')
    .description('show everything that is known of a failed message')
    .addHelpText('after', SHOW_EXAMPLES)
    .action(async (ids: string[], flags: FailedFlags) => {
      if (ids.length === 0)
        throw new DuckfleetError('usage', 'show which one? give an id as `duckfleet failed list` tells it')
      await withFailed(ids, flags, context, deps, async ({ walk, progress }) => {
        const entries: FailedEntry[] = []
        const tally = await listFailed(walk, (entry) => entries.push(entry), signal)
        progress.stop()
        for (const [index, entry] of entries.entries()) {
          if (flags.json) io.out(JSON.stringify(entry))
          else
            for (const line of [...(index > 0 ? [''] : []), ...failedDetails(entry, Date.now())]) io.out(line)
        }
        const found = new Set(entries.map(({ id }) => id))
        for (const id of ids.filter((one) => !found.has(one))) io.err(`no failed message has the id ${id}`)
        const unseen = unseenLine(tally)
        if (unseen !== undefined) io.err(unseen)
        if (found.size < ids.length) context.setExitCode(1)
      })
    })
}
