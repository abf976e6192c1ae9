import { formatDuration } from '../ops/duration.js'
import type { Proposal } from '../ops/scale-proposal.js'
import { START_SECONDS } from '../ops/plan.js'
import type { ServiceCounts } from '../ops/services.js'

/** `migrate-duck-small: 12 running, 3 pending, 15 desired`. */
export function countsLine({ service, desired, running, pending }: ServiceCounts): string {
  return `${service}: ${running} running, ${pending} pending, ${desired} desired`
}

const BASIS: Readonly<Record<Proposal['basis'], string>> = {
  rate: 'measured',
  option: 'as given',
  model: 'assumed: nothing was done lately',
}

/** How a proposal comes about: the arithmetic, and what the ceiling makes of it. */
export function proposalLines(proposal: Proposal, counts: ServiceCounts, minutes: number): string[] {
  const { size, files, secondsPerFile, basis, workSeconds, needed, tasks } = proposal
  const head = `${size}: ${tasks} ${tasks === 1 ? 'task' : 'tasks'} (now ${counts.desired})`
  if (files === 0) return [`${head}: nothing waits, and nothing is in work`]
  const each = `${rounded(secondsPerFile)} s each (${BASIS[basis]})`
  const time = `${rounded(workSeconds)} s, which is ${minutes} min less ${START_SECONDS} s to start`
  const capped = needed > tasks ? [`${size}: ${ceilingText(proposal)}`] : []
  return [`${head}: ${files.toLocaleString('en-US')} files x ${each} / ${time}`, ...capped]
}

function ceilingText({ files, secondsPerFile, needed, tasks }: Proposal): string {
  const more = `it takes ${needed.toLocaleString('en-US')} tasks, over the ceiling of SCALE_CEILING`
  if (tasks === 0) return more
  const seconds = (files * secondsPerFile) / tasks + START_SECONDS
  return `${more}; ${tasks} tasks need about ${formatDuration(seconds)}`
}

function rounded(seconds: number): string {
  return seconds.toLocaleString('en-US', { maximumFractionDigits: seconds < 10 ? 1 : 0 })
}
