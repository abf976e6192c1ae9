import { formatDuration } from '../ops/duration.js'
import type { FailedEntry } from '../ops/failed-entry.js'
import type { WalkTally } from '../ops/failed-walk.js'
import { newTable, printable } from './summary.js'

const MAX_ID = 40
const MAX_ERROR = 60
const UNKNOWN = '–'

/** Failed messages as a table; `now` is milliseconds since 1970. */
export function failedTable(entries: readonly FailedEntry[], now: number): readonly string[] {
  const table = newTable(['id', 'queue', 'tracker', 'reason', 'tries', 'failed', 'error'])
  for (const { id, size, tracker, reason, attempts, failedAt, error } of entries)
    table.push([
      // A part of an id finds nothing: better a table that is too wide.
      printable(id),
      size,
      cut(tracker ?? UNKNOWN, MAX_ID),
      cut(reason, MAX_ID),
      attempts,
      age(failedAt, now),
      cut(error, MAX_ERROR),
    ])
  return table.toString().split('\n')
}

/** Everything that is known of one. */
export function failedDetails(entry: FailedEntry, now: number): readonly string[] {
  const { id, size, tracker, reason, attempts, failedAt, error, body } = entry
  const rows: readonly (readonly [string, string])[] = [
    ['id', id],
    ['queue', size],
    ['tracker', tracker ?? UNKNOWN],
    ['reason', reason],
    ['tries', String(attempts)],
    ['failed', failedAt === undefined ? UNKNOWN : `${failedAt}, ${age(failedAt, now)} ago`],
    ['error', error],
    ['body', body],
  ]
  return rows.map(([name, value]) => `${name.padEnd(8)} ${printable(value)}`)
}

/** What could not be looked at; undefined when everything was. */
export function unseenLine({ looked, unseen }: WalkTally): string | undefined {
  if (unseen === 0) return undefined
  const first = looked.toLocaleString('en-US')
  return (
    `${unseen.toLocaleString('en-US')} failed messages were not looked at: ${first} are before them, and no more can be ` +
    'held at once; retry or drop some of those first'
  )
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? one : many}`
}

function age(failedAt: string | undefined, now: number): string {
  const time = failedAt === undefined ? NaN : Date.parse(failedAt)
  return Number.isNaN(time) ? UNKNOWN : formatDuration(Math.max(0, (now - time) / 1000))
}

function cut(text: string, most: number): string {
  const clean = printable(text)
  return clean.length <= most ? clean : `${clean.slice(0, most - 1)}…`
}
