import type { PublishOptions } from '../port.js'
import type { Bucket } from './bucket.js'
import type { SourceFile } from './source-file.js'

/** One publication under way. */
export interface Upload {
  readonly bucket: Bucket
  readonly key: string
  readonly source: SourceFile
  readonly options: PublishOptions
  /** Nobody else's: tells this upload from another of the same bytes. */
  readonly id: string
  /** Rejects when the destination may not be written, as things are now. */
  readonly refuseObstacles: (upload: Upload, signal: AbortSignal) => Promise<void>
}

/** Metadata under which the upload can be found again when the answer to a write was lost. */
export const UPLOAD_ID = 'duckfleet-upload'

/** What is kept with the object. `digest`: hex SHA-256. */
export function metadataOf({ options, id }: Upload, digest: string): Record<string, string> {
  return { ...options.metadata, 'content-sha256': digest, [UPLOAD_ID]: id }
}
