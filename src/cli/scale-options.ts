import type { Command } from 'commander'

export interface ScaleFlags {
  readonly env?: string
  /** False with `--no-wait`. */
  readonly wait: boolean
  readonly timeout: string
  readonly force?: true
  readonly json?: true
}

/** Options of every kind of scaling. */
export function withScaleOptions(command: Command): Command {
  return command
    .option('--env <name>', 'environment: dev, staging, prod … (default: ENVIRONMENT, else dev)')
    .option('--no-wait', 'do not wait until the tasks run')
    .option('--timeout <time>', 'wait so long at most', '10m')
    .option('--force', 'also over SCALE_CEILING tasks (default 50)')
    .option('--json', 'print one JSON object a line on stdout, for each service, and nothing else there')
}
