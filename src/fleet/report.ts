import type { ErrorCode } from '../errors.js'

/** How a job ended. `retried` is not over: the message went back to be tried again. */
export type Outcome = 'migrated' | 'copied' | 'skipped' | 'failed' | 'retried'

/** Milliseconds, whole ones. `export` and `import` overlap; `total` is the wall clock of the job. */
export interface JobTimes {
  readonly download: number
  readonly export: number
  readonly import: number
  readonly verify: number
  readonly upload: number
  readonly total: number
}

/** The record of one job. Every field is always there; null where it is not known, or nothing was written. */
export interface JobReport {
  /** Full path, or `s3://bucket/key`. */
  readonly source: string
  readonly destination: string
  readonly outcome: Outcome
  /** What the header says: storage version, and the release that wrote it, or the releases that could have. */
  readonly from: { readonly storageVersion: number; readonly release: string } | null
  /** Target release. */
  readonly to: string
  readonly tables: number | null
  readonly rows: number | null
  readonly indexes: number | null
  /** Bytes of the source and its WAL. */
  readonly bytesIn: number | null
  /** Bytes of the destination. */
  readonly bytesOut: number | null
  /** `sha256:<hex>` of the destination's bytes. */
  readonly digest: string | null
  readonly ms: JobTimes
  readonly warnings: readonly string[]
  /** Why it was skipped, failed or retried. */
  readonly error: { readonly code: ErrorCode; readonly message: string } | null
}

/** What a job has learnt so far; on an error, the report says that much. */
export type Draft = { -readonly [Field in Exclude<keyof JobReport, 'ms' | 'warnings'>]: JobReport[Field] } & {
  readonly ms: { -readonly [Part in keyof JobTimes]: number }
  readonly warnings: string[]
}

export function newDraft(targetRelease: string): Draft {
  return {
    source: '',
    destination: '',
    outcome: 'failed',
    from: null,
    to: targetRelease,
    tables: null,
    rows: null,
    indexes: null,
    bytesIn: null,
    bytesOut: null,
    digest: null,
    ms: { download: 0, export: 0, import: 0, verify: 0, upload: 0, total: 0 },
    warnings: [],
    error: null,
  }
}

/** Runs a step and adds its wall-clock time, also when it fails. */
export async function timed<T>(draft: Draft, part: keyof JobTimes, step: () => Promise<T>): Promise<T> {
  const start = performance.now()
  try {
    return await step()
  } finally {
    draft.ms[part] += Math.round(performance.now() - start)
  }
}
