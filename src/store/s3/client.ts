import { S3Client } from '@aws-sdk/client-s3'
import type { S3ClientConfig } from '@aws-sdk/client-s3'
import { Transport } from './transport.js'

export interface S3ClientOptions {
  /** Address of an S3-compatible server; undefined: AWS. */
  readonly endpoint?: string | undefined
  /** Undefined: what the environment and the AWS configuration files say; else, with an endpoint, `us-east-1`. */
  readonly region?: string | undefined
  /** PEM of the authority that signed the server's certificate; undefined: the system's. */
  readonly ca?: string | undefined
  /** Milliseconds without a byte after which a request is given up. */
  readonly idleMs?: number
}

const IDLE_MS = 60_000
/** Tries of one request; the pauses between them grow. */
const ATTEMPTS = 4

/**
 * The client of all buckets of one server. Credentials come from the SDK's own chain: environment, files, ECS. Its
 * requests end: with an answer, an error, or no byte for `idleMs`. `destroy()` closes its connections.
 */
export function createS3Client({ endpoint, region, ca, idleMs }: S3ClientOptions = {}): S3Client {
  return new S3Client({
    ...(endpoint === undefined ? atAws(region) : elsewhere(endpoint, region)),
    // The signature covers every part's bytes already. The SDK's own checksums need every request of an upload to agree,
    // travel in trailers that some servers refuse, and that others store as part of the file.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    retryMode: 'standard',
    maxAttempts: ATTEMPTS,
    // Waiting for "100 Continue" takes a new connection for every part.
    expectContinueHeader: false,
    requestHandler: new Transport({ ca, idleMs: idleMs ?? IDLE_MS }),
  })
}

function atAws(region: string | undefined): S3ClientConfig {
  return { followRegionRedirects: true, ...(region === undefined ? {} : { region }) }
}

function elsewhere(endpoint: string, region: string | undefined): S3ClientConfig {
  return {
    endpoint,
    forcePathStyle: true,
    region: region ?? once(regionOfTheChain),
  }
}

/** The SDK asks anew for every request, and each answer builds another client: a fifth of a worker's own CPU time. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined
  return () => (answer ??= ask())
}

async function regionOfTheChain(): Promise<string> {
  const chain = new S3Client({})
  try {
    return await chain.config.region()
  } catch {
    return 'us-east-1'
  } finally {
    chain.destroy()
  }
}
