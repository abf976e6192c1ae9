import type { Draft } from './report.js'

export type StepName = 'examine' | 'download' | 'upgrade' | 'check' | 'compare' | 'publish' | 'clean-up'

/** A step of a job that ended, well or not. */
export interface JobStep {
  readonly step: StepName
  readonly ok: boolean
  /** Full path, or `s3://bucket/key`. */
  readonly file: string
  /** Release that wrote the file; undefined while it is not known. */
  readonly release: string | undefined
  /** Bytes of the source and its WALs, or of what was published; undefined while they are not known. */
  readonly bytes: number | undefined
  /** Milliseconds. */
  readonly ms: number
}

export type OnStep = (step: JobStep) => void

/** Runs a step and tells of it, also when it fails. */
export async function step<T>(
  name: StepName,
  draft: Draft,
  onStep: OnStep | undefined,
  run: () => Promise<T>,
): Promise<T> {
  const start = performance.now()
  let ok = false
  try {
    const result = await run()
    ok = true
    return result
  } finally {
    onStep?.({
      step: name,
      ok,
      file: name === 'publish' ? draft.destination : draft.source,
      release: draft.from?.release,
      bytes: (name === 'publish' ? draft.bytesOut : draft.bytesIn) ?? undefined,
      ms: Math.round(performance.now() - start),
    })
  }
}
