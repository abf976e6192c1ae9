import { Argument, Command } from 'commander'
import { asDuckfleetError, DuckfleetError } from '../errors.js'
import { readFleetConfig } from '../fleet-config.js'
import type { ConsumerDeps } from './consumer.js'
import type { CommandContext } from './io.js'

interface ConsumeFlags {
  readonly env?: string
  readonly idleExit?: string
}

const EXAMPLES = `
Examples:
  $ duckfleet consume small --env dev                 work on small files until stopped
  $ duckfleet consume big --env dev --idle-exit 30    stop when nothing came for 30 seconds

SIGTERM takes no new message, and lets the job in hand finish within GRACE_SECONDS; else its message is given back.`

/** `duckfleet consume small|big`: a worker of the fleet; what the consumers run. */
export function consumeCommand(context: CommandContext, deps: ConsumerDeps): Command {
  return new Command('consume')
    .description('take messages from a queue and upgrade the files that they name')
    .addArgument(
      new Argument('<size>', 'the queue: of small files, or of big ones').choices(['small', 'big']),
    )
    .option('--env <name>', 'environment: dev, staging, prod … (default: ENVIRONMENT, else dev)')
    .option(
      '--idle-exit <seconds>',
      'stop when no message came for so long, its broker being there (default: never)',
    )
    .addHelpText('after', EXAMPLES)
    .action(async (size: 'small' | 'big', flags: ConsumeFlags) => {
      const fleet = readFleetConfig(deps.config.environment, flags.env)
      // Loaded when it is used, as are the clients of every service: commands start in half the time.
      const { runConsumer } = await import('./consumer.js')
      const idleExitMs = parseIdle(flags.idleExit)
      await runConsumer(size, { fleet, idleExitMs }, deps, context.signal).catch((error: unknown) => {
        // Stopped before it was connected: that was asked for, and is no error for its log.
        if (!context.signal.aborted || asDuckfleetError(error).code !== 'aborted') throw error
      })
    })
}

function parseIdle(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = Number(text)
  if (text.trim() !== '' && seconds >= 0 && seconds <= 86_400) return seconds * 1000
  throw new DuckfleetError('usage', `"${text}" is no number of seconds for --idle-exit; give 0 to 86400`)
}
