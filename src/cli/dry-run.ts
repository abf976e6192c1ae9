import { asDuckfleetError } from '../errors.js'
import { examine } from '../fleet/examine.js'
import type { Action, ExaminePolicy } from '../fleet/examine.js'
import { outcomeOf } from '../fleet/outcome.js'
import type { JobReport } from '../fleet/report.js'
import type { Selection } from './selection.js'
import { formatSize } from '../size.js'
import { newTable, printable } from './summary.js'

/** What would be done with a file; with `--json`, one of these a line. */
export interface PlannedJob extends Pick<
  JobReport,
  'source' | 'destination' | 'from' | 'to' | 'bytesIn' | 'error'
> {
  /** `skip` and `fail` have their reason in `error`. */
  readonly plan: Action | 'skip' | 'fail'
}

/** Looks at every file as its job would, and goes no further: nothing is written. */
export async function planJobs(
  { files, places }: Selection,
  policy: ExaminePolicy,
  signal: AbortSignal,
): Promise<readonly PlannedJob[]> {
  const planned: PlannedJob[] = []
  for (const { key } of files) planned.push(await planJob(key, places, policy, signal))
  return planned
}

async function planJob(
  key: string,
  placesOf: Selection['places'],
  policy: ExaminePolicy,
  signal: AbortSignal,
): Promise<PlannedJob> {
  const places = placesOf({ datastore: 'efs', key }, { datastore: 'efs', key })
  let known: Pick<PlannedJob, 'from' | 'bytesIn'> = { from: null, bytesIn: null }
  const job = {
    source: places.source.store.describe(places.source.key),
    destination: places.destination.store.describe(places.destination.key),
    to: policy.target.release,
  }
  try {
    const { action } = await examine(
      places,
      policy,
      (header, bytesIn) => {
        const release = header.writer ?? header.releases
        known = { from: { storageVersion: header.storageVersion, release }, bytesIn }
      },
      signal,
    )
    return { ...job, ...known, plan: action, error: null }
  } catch (thrown) {
    const error = asDuckfleetError(thrown)
    if (error.code === 'aborted') throw error
    const plan = outcomeOf(error) === 'skipped' ? 'skip' : 'fail'
    return { ...job, ...known, plan, error: { code: error.code, message: error.message } }
  }
}

/** The plan as a table, and a line for every file that would not be upgraded. */
export function planLines(
  planned: readonly PlannedJob[],
  nameOf: (source: string) => string,
): readonly string[] {
  const table = newTable(['file', 'from', 'to', 'size', 'would', 'destination'])
  for (const { source, from, to, bytesIn, plan, destination } of planned) {
    table.push([
      printable(nameOf(source)),
      from === null ? '–' : `${from.release} (${from.storageVersion})`,
      to,
      bytesIn === null ? '–' : formatSize(bytesIn),
      plan,
      printable(destination),
    ])
  }
  const problems = planned.flatMap(({ error }) => (error === null ? [] : [printable(error.message)]))
  return [table.toString(), ...problems, 'dry run: nothing was written']
}
