import type { Route } from '../fleet/route.js'
import { type Sizes, splitSizes } from './plan-sizes.js'

/** What the services around the workers bear. Where AWS raises a limit on request, this is its default. */
export const LIMITS = {
  /** Messages a second that a publisher gets confirmed. */
  publishRate: 2_000,
  /** Messages a second that a broker delivers and gets acked: a small cluster with quorum queues bears more. */
  brokerRate: 3_000,
  /** Requests a second for a prefix of a bucket; S3 splits busy prefixes by itself, after some time. */
  s3GetRate: 5_500,
  s3PutRate: 3_500,
  /** Bytes a second of a file system with Elastic Throughput in us-east-1. */
  efsReadRate: 60 * 2 ** 30,
  efsWriteRate: 5 * 2 ** 30,
} as const

/** Bytes of a ranged GET, and of a part of an upload, as the S3 store cuts them. */
const GET_PART = 64 * 2 ** 20
const PUT_PART = 16 * 2 ** 20
/** Requests beside those that move data. Source: the object once more before its upgrade is published. */
const SOURCE_GETS = 1
/** A file of more bytes is read once more for its header. */
const AT_ONCE = 4 * 2 ** 20
/** The file with its WALs: at first, before its upgrade is published. */
const SOURCE_LISTS = 2
/** The object: because no list shows it, before it is written, and after. */
const DESTINATION_GETS = 3
/** What is there with its WALs: at first, before it is written. */
const DESTINATION_LISTS = 2

/** A file of more bytes is uploaded in parts. */
const PUT_WHOLE = 16 * 2 ** 20
/** What that takes besides the parts: it is begun, uploads that are under way are looked for, and what is there once more. */
const IN_PARTS = { puts: 2, lists: 2, gets: 1 }

export interface Traffic extends Sizes {
  readonly route: Route
}

/** What goes over the wires for all files. Targets count as big as their sources. */
export interface Load {
  readonly messages: number
  readonly s3Gets: number
  readonly s3Lists: number
  readonly s3Puts: number
  readonly efsRead: number
  readonly efsWritten: number
}

export function loadOf({ files, bytes, spread, route }: Traffic): Load {
  const [from, to] = route.split('-')
  // Every file ends in a part that is not full.
  const reads = Math.ceil(bytes / GET_PART) + files
  const writes = Math.ceil(bytes / PUT_PART) + files
  const [sources, destinations] = [from === 's3' ? files : 0, to === 's3' ? files : 0]
  const twice = from === 's3' ? splitSizes({ files, bytes, spread }, AT_ONCE + 1).big.files : 0
  const inParts = to === 's3' ? splitSizes({ files, bytes, spread }, PUT_WHOLE + 1).big.files : 0
  return {
    messages: files,
    s3Gets:
      (from === 's3' ? reads : 0) +
      SOURCE_GETS * sources +
      twice +
      DESTINATION_GETS * destinations +
      IN_PARTS.gets * inParts,
    s3Lists: SOURCE_LISTS * sources + DESTINATION_LISTS * destinations + IN_PARTS.lists * inParts,
    s3Puts: (to === 's3' ? writes : 0) + IN_PARTS.puts * inParts,
    efsRead: from === 'efs' ? bytes : 0,
    efsWritten: to === 'efs' ? bytes : 0,
  }
}

/** Seconds that each limit alone would take for the load; those that do not matter are left out. */
export function limitSeconds(load: Load): readonly { readonly name: string; readonly seconds: number }[] {
  return [
    { name: 'publisher', seconds: load.messages / LIMITS.publishRate },
    { name: 'broker', seconds: load.messages / LIMITS.brokerRate },
    { name: 'S3 reads of a prefix', seconds: (load.s3Gets + load.s3Lists) / LIMITS.s3GetRate },
    { name: 'S3 writes of a prefix', seconds: load.s3Puts / LIMITS.s3PutRate },
    { name: 'EFS reads', seconds: load.efsRead / LIMITS.efsReadRate },
    { name: 'EFS writes', seconds: load.efsWritten / LIMITS.efsWriteRate },
  ].filter(({ seconds }) => seconds > 0)
}
