import { linkAbort } from '../abort.js'
import type { Upgrader } from '../engine/upgrade.js'
import { asDuckfleetError } from '../errors.js'
import type { JobDeps, JobPolicy } from '../fleet/job-deps.js'
import { serializeMessage } from '../fleet/message.js'
import type { JobReport } from '../fleet/report.js'
import { LOCAL_RETRY } from '../fleet/retry.js'
import { createRunFolder, createSlotFolder, removeFolder } from '../fleet/work-folder.js'
import { runWorker } from '../fleet/worker.js'
import { createMemoryQueue } from '../queue/memory.js'
import type { MemoryQueue } from '../queue/memory.js'
import type { Queue } from '../queue/port.js'
import type { Selection } from './selection.js'

/** Messages that wait at once; a folder may hold more files than that. */
const QUEUE_CAPACITY = 1000

/** The engines of one worker. */
type JobUpgrader = Pick<Upgrader, 'upgrade' | 'check' | 'compare' | 'close'> & Partial<Pick<Upgrader, 'warm'>>

export interface CampaignOptions {
  readonly selection: Selection
  readonly policy: JobPolicy
  /** Files at a time. */
  readonly jobs: number
  readonly workDir: string
  readonly version: string
  /** Makes the engines that work inside this folder, and nowhere else. */
  readonly createUpgrader: (slotFolder: string) => JobUpgrader
  /** Bytes of a source arrived at worker number `slot`. */
  readonly onDownload: (slot: number, bytes: number) => void
  /** A job ended; `retryInMs`: it is not over, and will be tried again. */
  readonly onReport: (slot: number, report: JobReport, retryInMs: number | undefined) => void
}

/**
 * Upgrades the files of a selection on this machine: the fleet's workers over an in-process queue. Resolves when
 * all are done, or when the signal has stopped them; engines and work folders are gone then, also when it rejects.
 */
export async function runCampaign(options: CampaignOptions, signal: AbortSignal): Promise<void> {
  const runFolder = await createRunFolder(options.workDir)
  const queue = createMemoryQueue({ capacity: QUEUE_CAPACITY })
  const stop = linkAbort(signal)
  const slots: Slot[] = []
  try {
    for (let number = 0; number < options.jobs; number++) {
      const folder = await createSlotFolder(runFolder, number)
      slots.push({ number, folder, upgrader: options.createUpgrader(folder) })
    }
    // All of them end before anything is taken from under them.
    const ended = await Promise.allSettled([
      feed(queue, options.selection, stop.controller.signal),
      ...slots.map((slot) => work(slot, queue, options, stop.controller)),
    ])
    for (const end of ended) if (end.status === 'rejected') throw end.reason
  } finally {
    stop.release()
    await queue.close()
    await Promise.allSettled(slots.map(({ upgrader }) => upgrader.close()))
    await removeFolder(runFolder)
  }
}

interface Slot {
  readonly number: number
  readonly folder: string
  readonly upgrader: JobUpgrader
}

async function work(
  { number, folder, upgrader }: Slot,
  queue: Queue,
  options: CampaignOptions,
  controller: AbortController,
): Promise<void> {
  const { policy, selection, version, onDownload, onReport } = options
  try {
    const job: JobDeps = {
      policy,
      places: selection.places,
      upgrade: upgrader.upgrade,
      check: upgrader.check,
      compare: upgrader.compare,
      ...(upgrader.warm ? { warm: upgrader.warm } : {}),
      slotFolder: folder,
      version,
      onDownload: (bytes) => {
        onDownload(number, bytes)
      },
    }
    await runWorker(
      {
        queue,
        retry: LOCAL_RETRY,
        onReport: (report, retryInMs) => {
          onReport(number, report, retryInMs)
        },
        job: () => job,
      },
      { stop: controller.signal, abort: controller.signal },
    )
  } catch (error) {
    // One worker that cannot go on ends them all; their engines must be gone before the run's folder is.
    controller.abort(error)
    throw error
  }
}

/** Queues every file, the biggest first so that none of them is left alone at the end, and waits until all are done. */
async function feed(queue: MemoryQueue, { files }: Selection, signal: AbortSignal): Promise<void> {
  try {
    for (const { key } of [...files].sort((a, b) => b.size - a.size)) {
      const body = { source_datastore: 'efs', destination_datastore: 'efs', key } as const
      await queue.publish({ body: serializeMessage({ route: 'efs-efs', body }) }, signal)
    }
    await queue.drained(signal)
  } catch (error) {
    if (asDuckfleetError(error).code !== 'aborted') throw error
  } finally {
    await queue.close()
  }
}
