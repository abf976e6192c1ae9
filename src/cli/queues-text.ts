import { formatDuration } from '../ops/duration.js'
import type { QueueFigures } from '../ops/queue-figures.js'
import { formatSize } from '../size.js'
import { newTable } from './summary.js'

const HEAD = ['queue', 'ready', 'in work', 'consumers', 'in/s', 'done/s', 'messages', 'drained in', 'oldest']
const UNKNOWN = '–'

/** The figures as a table for people; what is not known, or makes no sense there, is a dash. */
export function queuesTable(figures: readonly QueueFigures[]): readonly string[] {
  const table = newTable(HEAD)
  for (const line of figures) table.push(row(line))
  return table.toString().split('\n')
}

function row(line: QueueFigures): string[] {
  const { queue, kind, exists, ready, messageBytes } = line
  if (!exists) return [`${queue} (not there yet)`, '0', ...HEAD.slice(2).map(() => UNKNOWN)]
  const rest = kind === 'work'
  return [
    queue,
    count(ready),
    rest ? count(line.inWork) : UNKNOWN,
    rest ? count(line.consumers) : UNKNOWN,
    rest ? rate(line.publishRate) : UNKNOWN,
    rest ? rate(line.ackRate) : UNKNOWN,
    messageBytes === null ? UNKNOWN : formatSize(messageBytes),
    rest ? drained(line) : UNKNOWN,
    line.oldestSeconds === null || ready === 0 ? UNKNOWN : formatDuration(line.oldestSeconds),
  ]
}

function count(value: number | null): string {
  return value === null ? UNKNOWN : value.toLocaleString('en-US')
}

function rate(value: number | null): string {
  return value === null
    ? UNKNOWN
    : value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 2 : 0 })
}

function drained({ drainSeconds, ackRate, publishRate, ready, inWork }: QueueFigures): string {
  if (drainSeconds !== null) return ready + (inWork ?? 0) === 0 ? 'empty' : formatDuration(drainSeconds)
  return ackRate !== null && ackRate > 0 && ackRate <= (publishRate ?? 0) ? 'grows' : UNKNOWN
}
