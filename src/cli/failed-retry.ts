import { Command } from 'commander'
import { retryFailed } from '../ops/failed-retry.js'
import { withFailedOptions } from './failed-options.js'
import type { FailedFlags } from './failed-options.js'
import { count, unseenLine } from './failed-text.js'
import { withFailed } from './failed-walk.js'
import type { FailedDeps } from './failed-walk.js'
import type { CommandContext } from './io.js'

const EXAMPLES = `
Examples:
  $ duckfleet failed retry --env prod                          all of them
  $ duckfleet failed retry --env prod --reason transient engine --limit 10
  $ duckfleet failed retry --env prod --tracker 9324670152232788

Each goes to the end of its work queue with as many tries as a new one. It is there for sure before it leaves the failed
ones, so that nothing is lost when this is stopped, or killed; a message may be in both then, which is harmless.`

/** `duckfleet failed retry`: back to the work queues. */
export function failedRetryCommand(context: CommandContext, deps: FailedDeps): Command {
  const { io, signal } = context
  return withFailedOptions(new Command('retry'), 'only messages with these ids')
    .description('move failed messages back to their work queue, with all tries before them')
    .option('--limit <n>', 'so many at most (default: all)')
    .addHelpText('after', EXAMPLES)
    .action(async (ids: string[], flags: FailedFlags) => {
      await withFailed(ids, flags, context, deps, async ({ walk, progress }) => {
        let retried = 0
        const say = (line: string): void => {
          if (flags.json) io.err(line)
          else io.out(line)
        }
        try {
          const tally = await retryFailed(
            walk,
            (entry) => {
              retried += 1
              if (flags.json) io.out(JSON.stringify(entry))
            },
            signal,
          )
          progress.stop()
          say(`${count(retried, 'message')} moved back to the work queues`)
          const unseen = unseenLine(tally)
          if (unseen !== undefined) io.err(unseen)
          if (tally.unseen > 0) context.setExitCode(1)
        } catch (error) {
          progress.stop()
          if (retried > 0) say(`${count(retried, 'message')} moved back to the work queues before this ended`)
          throw error
        }
      })
    })
}
