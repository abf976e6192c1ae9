import { Argument, Option } from 'commander'
import type { Command } from 'commander'
import { DuckfleetError } from '../errors.js'
import { parseDuration } from '../ops/duration.js'
import type { SizeClass } from '../ops/failed-entry.js'
import type { FailedFilter } from '../ops/failed-filter.js'
import { SIZES } from '../ops/queue-figures.js'

export interface FailedFlags {
  readonly env?: string
  readonly queue: SizeClass | 'all'
  readonly reason?: readonly string[]
  readonly tracker?: readonly string[]
  readonly olderThan?: string
  readonly limit?: string
  readonly json?: true
}

/** What every `failed` command takes. */
export function withFailedOptions(command: Command, ids: string): Command {
  return command
    .addArgument(new Argument('[id...]', ids))
    .option('--env <name>', 'environment: dev, staging, prod … (default: ENVIRONMENT, else dev)')
    .addOption(new Option('--queue <size>', 'of which queue').choices([...SIZES, 'all']).default('all'))
    .option('--reason <word...>', 'only those that failed for these reasons, such as corrupt')
    .option('--tracker <id...>', 'only those of these trackers')
    .option('--older-than <time>', 'only those that failed longer ago: 90s, 15m, 2h, 3d')
    .option('--json', 'print one JSON object a line on stdout, for each message, and nothing else there')
}

/** `now`: milliseconds since 1970. */
export function filterOf(flags: FailedFlags, ids: readonly string[], now: number): FailedFilter {
  const { reason, tracker, olderThan } = flags
  return {
    ids,
    reasons: reason ?? [],
    trackers: tracker ?? [],
    failedBefore: olderThan === undefined ? undefined : now - parseDuration(olderThan),
  }
}

export function limitOf({ limit }: FailedFlags): number | undefined {
  if (limit === undefined) return undefined
  const number = Number(limit)
  if (limit.trim() !== '' && Number.isSafeInteger(number) && number >= 1) return number
  throw new DuckfleetError('usage', `"${limit}" is no number of messages for --limit; give 1 or more`)
}

/** `all failed messages`, or which of them. */
export function filterText(
  { ids, reasons, trackers }: FailedFilter,
  { queue, olderThan }: FailedFlags,
): string {
  const parts = [
    ...(queue === 'all' ? [] : [`of the ${queue} queue`]),
    ...(ids.length === 0 ? [] : [`with ${ids.length} ${ids.length === 1 ? 'id' : 'ids'}`]),
    ...(reasons.length === 0 ? [] : [`for ${reasons.join(', ')}`]),
    ...(trackers.length === 0 ? [] : [`of tracker ${trackers.join(', ')}`]),
    ...(olderThan === undefined ? [] : [`older than ${olderThan}`]),
  ]
  return ['failed messages', ...parts].join(' ')
}
