import { Command } from 'commander'
import { openDropFile } from '../ops/drop-file.js'
import { dropFailed } from '../ops/failed-drop.js'
import { listFailed } from '../ops/failed-list.js'
import type { FailedWalk } from '../ops/failed-walk.js'
import { filterText, withFailedOptions } from './failed-options.js'
import type { FailedFlags } from './failed-options.js'
import { count, unseenLine } from './failed-text.js'
import { withFailed } from './failed-walk.js'
import type { FailedDeps, FailedTask } from './failed-walk.js'
import type { CommandContext } from './io.js'

interface DropFlags extends FailedFlags {
  readonly output?: string
  readonly yes?: true
}

const EXAMPLES = `
Examples:
  $ duckfleet failed drop --env prod --reason unreadable                 counts them, and asks
  $ duckfleet failed drop --env prod --tracker 9324670152232788 --yes    without a question, for scripts
  $ duckfleet failed drop --env prod --older-than 30d --output /var/dropped.jsonl

Each message is on disk, in the file of --output, before it leaves the queue: one JSON object a line, with its body.`

/** `duckfleet failed drop`: gone from the queues, and kept in a file. */
export function failedDropCommand(context: CommandContext, deps: FailedDeps): Command {
  return withFailedOptions(new Command('drop'), 'only messages with these ids')
    .description('remove failed messages for good; a file keeps them')
    .option('--limit <n>', 'so many at most (default: all)')
    .option('--output <file>', 'a new file for what is dropped (default: duckfleet-dropped-ENV-TIME.jsonl)')
    .option('--yes', 'do it without asking')
    .addHelpText('after', EXAMPLES)
    .action(async (ids: string[], flags: DropFlags) => {
      await withFailed(ids, flags, context, deps, async (task) => {
        const walk = flags.yes ? task.walk : await agreed(task, flags, context, deps)
        if (walk === undefined) context.io.err('nothing was dropped')
        else await drop({ ...task, walk }, flags, context)
      })
    })
}

/** Counts, and asks; what is agreed on is no more than was counted. */
async function agreed(
  { walk, filter, fleet, progress }: FailedTask,
  flags: DropFlags,
  { signal }: CommandContext,
  { confirm }: FailedDeps,
): Promise<FailedWalk | undefined> {
  const asked = Date.now()
  const { meant } = await listFailed(walk, () => undefined, signal)
  progress.stop()
  if (meant === 0) return { ...walk, limit: 0 }
  const which = `${meant.toLocaleString('en-US')} ${filterText(filter, flags)}`
  if (!(await confirm(`Drop ${which} in ${fleet.env} for good?`, signal))) return undefined
  // What fails meanwhile was not asked about.
  return { ...walk, limit: meant, filter: { ...filter, notAfter: asked } }
}

async function drop(
  { fleet, walk, progress }: FailedTask,
  flags: DropFlags,
  context: CommandContext,
): Promise<void> {
  const { io, signal } = context
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const file = flags.output ?? `duckfleet-dropped-${fleet.env}-${time}.jsonl`
  const record = await openDropFile(file)
  let dropped = 0
  const say = (line: string): void => {
    if (flags.json) io.err(line)
    else io.out(line)
  }
  const told = (): string =>
    dropped > 0 ? `${count(dropped, 'message')} dropped; ${file} keeps them` : 'none dropped'
  try {
    const tally = await dropFailed(
      walk,
      {
        append: async (lines) => {
          await record.append(lines)
          if (flags.json) for (const line of lines) io.out(line)
        },
      },
      (number) => {
        dropped += number
      },
      signal,
    )
    progress.stop()
    say(told())
    const unseen = unseenLine(tally)
    if (unseen !== undefined) io.err(unseen)
    if (tally.unseen > 0) context.setExitCode(1)
  } catch (error) {
    progress.stop()
    say(told())
    throw error
  } finally {
    await record.close()
  }
}
