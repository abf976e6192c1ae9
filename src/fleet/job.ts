import { throwIfAborted } from '../abort.js'
import { asDuckfleetError } from '../errors.js'
import type { StorageHeader } from '../migration/file/header.js'
import { carry } from './carry.js'
import { examine } from './examine.js'
import type { JobDeps } from './job-deps.js'
import { locations, parseMessage } from './message.js'
import { outcomeOf } from './outcome.js'
import { newDraft, timed } from './report.js'
import type { Draft, JobReport } from './report.js'
import { assertSpace, spaceNeeded } from './space.js'
import { step } from './step.js'
import { createJobFolder, keepSlotFolder, removeFolder } from './work-folder.js'

/**
 * Does what one message asks for: examine, download, upgrade or check, publish, clean up. Never rejects: an error
 * is in the report. `retried` in the report says that another try makes sense, not that there will be one.
 */
export async function runJob(body: string, deps: JobDeps, signal: AbortSignal): Promise<JobReport> {
  const draft = newDraft(deps.policy.target.release)
  await timed(draft, 'total', async () => {
    try {
      throwIfAborted(signal)
      await work(body, draft, deps, signal)
    } catch (thrown) {
      // Whatever breaks after a stop was asked for, breaks because of it.
      const error = asDuckfleetError(thrown, signal.aborted ? 'aborted' : 'engine')
      draft.outcome = outcomeOf(error)
      draft.error = { code: error.code, message: error.message }
    }
  })
  return draft
}

async function work(body: string, draft: Draft, deps: JobDeps, signal: AbortSignal): Promise<void> {
  const { source, destination } = locations(parseMessage(body))
  draft.source = source.key
  draft.destination = destination.key
  const places = deps.places(source, destination)
  draft.source = places.source.store.describe(places.source.key)
  draft.destination = places.destination.store.describe(places.destination.key)
  const onHeader = (header: StorageHeader, bytesIn: number): void => {
    draft.from = { storageVersion: header.storageVersion, release: header.writer ?? header.releases }
    draft.bytesIn = bytesIn
  }
  const examined = await step('examine', draft, deps.onStep, () =>
    examine(places, deps.policy, onHeader, signal),
  )
  await keepSlotFolder(deps.slotFolder)
  await assertSpace(deps.slotFolder, spaceNeeded(examined.action, examined.bytesIn))
  const folder = await createJobFolder(deps.slotFolder)
  try {
    await carry({ folder, places, examined, draft, deps, signal })
  } finally {
    await step('clean-up', draft, deps.onStep, () => removeFolder(folder)).catch((error: unknown) => {
      draft.warnings.push(
        `the work folder ${folder} could not be removed: ${asDuckfleetError(error).message}`,
      )
    })
  }
}
