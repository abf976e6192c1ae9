/** Tells of a job that goes on although its time was over, such as one that waits for a file server which does not answer. */
export interface JobWatch {
  started(): void
  ended(): void
  /** Nothing in this process can end it: only a new worker helps. */
  stuck(): boolean
}

/** `limitMs`: by then a job has ended, because its deadline stopped it. */
export function watchJob(limitMs: number, now: () => number = () => performance.now()): JobWatch {
  let since: number | undefined
  return {
    started: () => {
      since = now()
    },
    ended: () => {
      since = undefined
    },
    stuck: () => since !== undefined && now() - since > limitMs,
  }
}
