import type { ExportColumn } from '../migration/ports.js'
import type { Row } from '../migration/sql/session.js'
import type { Driver } from './registry.js'

/*
 * What a worker and an engine process say to each other over Node's IPC channel, the same for every driver.
 * A message is a list of requests, which are carried out one after another; the answers are lists of replies, one for each
 * request, with its id.
 */

export type OpenMode =
  /** The file is read and never written. */
  | 'read'
  /** The file exists and may be scribbled on: it is thrown away afterwards. */
  | 'scratch'
  /** The file does not exist and is made. */
  | 'create'
  /** No file at all. */
  | 'memory'

export interface OpenOptions {
  readonly path: string
  readonly mode: OpenMode
  /** Bytes that the engine may use for its own buffers; its process needs some more. */
  readonly memoryLimit: number
  readonly threads: number
  /** The job's folder, for what the engine spills. */
  readonly folder: string
  readonly storageVersion: string | undefined
  /** Writes no runs of equal values as one: -0.0 and 0.0 count as equal there. For targets from 1.2 on. */
  readonly withoutRuns?: boolean
  /** The name of the database for statements of its own, where the driver can choose it. */
  readonly name?: string | undefined
}

export interface ExportPart {
  readonly query: string
  readonly columns: readonly ExportColumn[]
  readonly file: string
  readonly first: boolean
  /** Rows that are to come, about. */
  readonly rows: number
  /** Bytes that the files may take together; what would take more is written by the engine, which writes less. */
  readonly mostBytes: number
}

export type Request =
  | { readonly id: number; readonly op: 'open'; readonly session: number; readonly options: OpenOptions }
  | { readonly id: number; readonly op: 'query'; readonly session: number; readonly sql: string }
  /**
   * Writes the rows of a query to a Parquet file: the first part of them, or what comes after the parts before. The
   * reply has one row, whose `more` tells whether another part follows. Queries may come in between.
   */
  | ({ readonly id: number; readonly op: 'export'; readonly session: number } & ExportPart)
  /** From here on the session reaches no file that it has not opened yet. */
  | { readonly id: number; readonly op: 'lock'; readonly session: number }
  | { readonly id: number; readonly op: 'close'; readonly session: number }

/**
 * `sql`: the statement was refused, the session goes on. `corrupt`: the file is damaged. `fatal`: the engine broke;
 * its process must not be used again.
 */
export type FailureKind = 'sql' | 'corrupt' | 'fatal'

export type Reply =
  | {
      readonly id: number
      readonly ok: true
      readonly rows: readonly Row[]
      readonly output: readonly string[]
    }
  | { readonly id: number; readonly ok: false; readonly kind: FailureKind; readonly message: string }

/** The first message of an engine process, once its engine is loaded. */
export interface Ready {
  readonly ready: true
}

/** What an engine process is told on its command line, as JSON. */
export interface HostArguments {
  readonly driver: Driver
  /** Absolute path of the npm package's folder. */
  readonly modulePath: string
  /** The only folder that the engine may read and write. */
  readonly root: string
  /** Process of the worker; when it is gone the engine process ends itself. */
  readonly parent: number
}
