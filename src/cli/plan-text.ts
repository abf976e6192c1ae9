import Table from 'cli-table3'
import type { Campaign, Plan, QueuePlan } from '../ops/plan.js'
import { PRICES } from '../ops/plan-prices.js'
import { formatSize } from '../size.js'

/** A plan for people. */
export function planLines({ spotSaving }: Campaign, plan: Plan): string[] {
  const table = new Table({
    head: ['queue', 'files', 'bytes', 'tasks', 'work', 'longest file', 'drained in', 'cost'],
    colAligns: ['left', ...Array.from({ length: 7 }, () => 'right' as const)],
    style: { head: [], border: [] },
  })
  table.push(row('small', plan.small), row('big', plan.big))
  const { cost } = plan
  const others = plan.stages.slice(1).map(({ name, seconds }) => `${name} ${time(seconds)}`)
  const spot = spotSaving > 0 ? `, ${Math.round(spotSaving * 100)} % off small tasks by Spot` : ''
  return [
    ...table.toString().split('\n'),
    `done in ${time(plan.seconds)}; bottleneck: ${plan.bottleneck}` +
      (others.length > 0 ? `; alone would take: ${others.join(', ')}` : ''),
    `needs ${count(plan.vcpus)} vCPUs of Fargate at once: compare with your quota (new accounts have 6)`,
    `costs $${money(cost.total)}: tasks $${money(cost.tasks)}, requests $${money(cost.requests)}, EFS $${money(cost.files)}` +
      ` (list prices of ${PRICES.region} as of ${PRICES.asOf}${spot}; check them)`,
  ]
}

function row(name: string, queue: QueuePlan): string[] {
  const { files, bytes, tasks, workSeconds, longestSeconds, drainSeconds, cost } = queue
  if (files === 0) return [name, '0', '–', '–', '–', '–', '–', '–']
  return [
    name,
    count(files),
    formatSize(bytes),
    count(tasks),
    time(workSeconds),
    time(longestSeconds),
    time(drainSeconds),
    `$${money(cost)}`,
  ]
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

function money(dollars: number): string {
  return dollars.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
}

/** `43 s`, `12.5 min`, `7.3 h`. */
function time(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(0)} s`
  if (seconds < 7200) return `${(seconds / 60).toFixed(1)} min`
  return `${(seconds / 3600).toLocaleString('en-US', { maximumFractionDigits: 1 })} h`
}
