import type { QueueNames } from '../fleet-config.js'
import type { PublishSummary } from '../fleet/publish-tally.js'
import type { PublishProblem } from '../fleet/publish-tracker.js'
import { formatSize } from '../size.js'
import { newTable, printable } from './summary.js'

/** A tracker, or files of it, that got no message: `tracker 9324670152232788 (site 56): there are no …`. */
export function problemLine({ tracker, message }: PublishProblem): string {
  const who = tracker === undefined ? '' : `tracker ${tracker.id || '–'} (site ${tracker.site || '–'}): `
  return printable(who + message)
}

/** How far a run is, in one line: `1,200 trackers, 2,400 messages (1.2 GB), 3 problems`. */
export function progressText({ trackers, queues, done, problems }: PublishSummary): string {
  const messages = queues.small.messages + queues.big.messages
  const bytes = formatSize(queues.small.bytes + queues.big.bytes)
  const parts = [count(trackers, 'tracker'), `${count(messages, 'message')} (${bytes})`]
  if (done > 0) parts.push(`${number(done)} done already`)
  if (problems > 0) parts.push(count(problems, 'problem'))
  return parts.join(', ')
}

/** The table at the end: messages and bytes by queue; below it what is not in a queue. */
export function summaryLines(summary: PublishSummary, names: QueueNames, dryRun: boolean): readonly string[] {
  const table = newTable(['queue', 'messages', 'bytes'])
  for (const size of ['small', 'big'] as const) {
    const { messages, bytes } = summary.queues[size]
    table.push([names[size], number(messages), formatSize(bytes)])
  }
  const end = dryRun ? '; dry run: nothing was sent' : ''
  return [...table.toString().split('\n'), progressText(summary) + end]
}

function count(value: number, one: string): string {
  return `${number(value)} ${one}${value === 1 ? '' : 's'}`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
