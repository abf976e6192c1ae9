import { readFleetConfig } from '../fleet-config.js'
import type { FleetConfig } from '../fleet-config.js'
import type { FailedFilter } from '../ops/failed-filter.js'
import type { FailedWalk } from '../ops/failed-walk.js'
import { SIZES } from '../ops/queue-figures.js'
import type { Confirm } from './confirm.js'
import { filterOf, limitOf } from './failed-options.js'
import type { FailedFlags } from './failed-options.js'
import { createFailedProgress } from './failed-progress.js'
import type { FailedProgress } from './failed-progress.js'
import type { CommandContext } from './io.js'
import type { QueuesDeps } from './queues.js'

export interface FailedDeps extends QueuesDeps {
  readonly confirm: Confirm
}

/** What a command does with the failed messages that are meant. */
export interface FailedTask {
  readonly fleet: FleetConfig
  readonly walk: FailedWalk
  readonly filter: FailedFilter
  readonly progress: FailedProgress
}

/** Reads flags, connects, runs, and lets go of everything again. */
export async function withFailed(
  ids: readonly string[],
  flags: FailedFlags,
  context: CommandContext,
  { config, adapters }: QueuesDeps,
  run: (task: FailedTask) => Promise<void>,
): Promise<void> {
  const { io, signal } = context
  const fleet = readFleetConfig(config.environment, flags.env)
  const filter = filterOf(flags, ids, Date.now())
  const limit = limitOf(flags)
  const sizes = SIZES.filter((size) => flags.queue === 'all' || flags.queue === size)
  const progress = createFailedProgress(io)
  const onEvent: Parameters<typeof adapters.openFailed>[1] = ({ kind, message }) => {
    if (kind !== 'connected') io.err(message)
  }
  const failed = await adapters.openFailed(fleet, onEvent, signal)
  const walk: FailedWalk = {
    failed,
    queues: sizes.map((size) => ({ size, name: fleet.queues[size] })),
    filter,
    limit,
    onLooked: (looked, waiting) => {
      progress.update(looked, waiting)
    },
  }
  try {
    await run({ fleet, walk, filter, progress })
  } finally {
    progress.stop()
    await failed.close()
  }
}
