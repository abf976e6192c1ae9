import { Command } from 'commander'
import { failedDropCommand } from './failed-drop.js'
import { failedListCommand, failedShowCommand } from './failed-list.js'
import { failedRetryCommand } from './failed-retry.js'
import type { FailedDeps } from './failed-walk.js'
import type { CommandContext } from './io.js'

const EXAMPLES = `
Examples:
  $ duckfleet failed list --env prod                        what failed, and why
  $ duckfleet failed show ID --env prod                     everything that is known of one
  $ duckfleet failed retry --env prod --reason transient    back to the work queues
  $ duckfleet failed drop --env prod --reason unreadable    gone, and kept in a file; asks first

While a command looks at failed messages, others do not see them; those that it leaves go back to their places. At most
50,000 of a queue are held at once: those behind that many which are not meant are not looked at, and it says so.

Exit status: 0 all well; 1 something failed, or could not be looked at; 2 wrong usage; 130 or 143 stopped by a signal.`

/** `duckfleet failed …`: what becomes of messages that failed. */
export function failedCommand(context: CommandContext, deps: FailedDeps): Command {
  return new Command('failed')
    .description('look at failed messages, and retry or drop them')
    .addCommand(failedListCommand(context, deps))
    .addCommand(failedShowCommand(context, deps))
    .addCommand(failedRetryCommand(context, deps))
    .addCommand(failedDropCommand(context, deps))
    .addHelpText('after', EXAMPLES)
}
