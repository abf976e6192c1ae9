import { S3Client } from '@aws-sdk/client-s3'
import type { S3ClientConfig } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'

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

const CONNECT_MS = 10_000
const IDLE_MS = 60_000
const MAX_SOCKETS = 128
/** Bytes of an answer that wait in memory: with Node's 16 KiB every piece that comes stops the socket and starts it again. */
const READ_AHEAD = 1024 * 1024
/** Tries of one request; the pauses between them grow. */
const ATTEMPTS = 4

/**
 * The client of all buckets of one server. Credentials come from the SDK's own chain: environment, files, ECS. Its
 * requests end: with an answer, an error, or no byte for `idleMs`. `destroy()` closes its connections.
 */
export function createS3Client({ endpoint, region, ca, idleMs }: S3ClientOptions = {}): S3Client {
  const agent = { keepAlive: true, maxSockets: MAX_SOCKETS, highWaterMark: READ_AHEAD }
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
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_MS,
      socketTimeout: idleMs ?? IDLE_MS,
      httpAgent: agent,
      httpsAgent: { ...agent, ...(ca === undefined ? {} : { ca }) },
    }),
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
