import { DuckfleetError } from '../../errors.js'
import type { ErrorCode } from '../../errors.js'

/** What was being done to what; for the sentence. */
export interface Attempted {
  /** `read`, `write`, `list` … */
  readonly action: string
  /** `s3://bucket/key` */
  readonly address: string
  readonly bucket: string
  /** Permissions that it takes, such as `s3:GetObject`. */
  readonly permission: string
}

/** What an error of the SDK, of HTTP or of a socket tells. */
interface Failure {
  /** Error code of S3, such as `SlowDown`, or name of the error. */
  readonly name: string
  readonly status: number | undefined
  /** System code of a socket, such as `ECONNRESET`. */
  readonly system: string | undefined
}

const CREDENTIALS = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'InvalidSecurity',
  'NotSignedUp',
])
/** Nobody gave any: on ECS an agent does, and may be away for a moment. */
const NO_CREDENTIALS = new Set(['CredentialsProviderError', 'TokenProviderError'])
const CLOCK = new Set(['RequestTimeTooSkewed', 'RequestExpired'])
const REGION = new Set([
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
])
/** Answers with a status of the 400s that are about this one transfer. */
const PASSING = new Set([
  'RequestTimeout',
  'TimeoutError',
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'IncompleteBody',
  'ExpiredToken',
  'NoSuchUpload',
  'InvalidPart',
  'OperationAborted',
  'ConditionalRequestConflict',
  'Throttling',
  'ThrottlingException',
  'RequestThrottled',
])
/** What the SDK calls an error whose answer had no body. */
const NAMELESS = 'Unknown'
const CERTIFICATE = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(VERIFY|GET)_)/

/** Whatever a request to S3 threw, as a sentence and what it means for the next try. Repeats nothing of the answer but its code. */
export function s3Error(error: unknown, attempted: Attempted): DuckfleetError {
  if (error instanceof DuckfleetError) return error
  const failure = failureOf(error)
  const [code, why] = explain(failure, attempted)
  return new DuckfleetError(code, `cannot ${attempted.action} ${attempted.address}: ${why}`, {
    cause: bare(error, failure),
  })
}

/** The HTTP status that S3 answered with; also of an error that {@link s3Error} made. */
export function statusOf(error: unknown): number | undefined {
  return failureOf(rootOf(error)).status
}

/** The error code that S3 answered with, such as `NoSuchUpload`; also of an error that {@link s3Error} made. */
export function nameOf(error: unknown): string {
  return failureOf(rootOf(error)).name
}

/** What stands behind the sentences. */
function rootOf(error: unknown): unknown {
  return error instanceof DuckfleetError && error.cause !== undefined ? rootOf(error.cause) : error
}

/** The error without what the SDK hangs on it: the request, whose headers hold session tokens. */
function bare(error: unknown, { name, status, system }: Failure): Error {
  const cause = new Error([name, status, system].filter((part) => part !== undefined).join(' '))
  if (error instanceof Error && error.stack !== undefined) cause.stack = error.stack
  return Object.assign(cause, { name, code: system, $metadata: { httpStatusCode: status } })
}

/** Refused access is `transient`: keys rotate and roles are mended, and the file is none the worse for it. */
function explain(failure: Failure, { bucket, permission }: Attempted): readonly [ErrorCode, string] {
  const { name, status, system } = failure
  if (name === 'NoSuchBucket' || name === 'InvalidBucketName')
    return [
      'usage',
      `there is no bucket ${bucket}; check its name, the account and the endpoint (S3_ENDPOINT)`,
    ]
  if (name === 'InvalidObjectState')
    return ['usage', 'it is archived and cannot be read; restore it in S3, then run again']
  if (CREDENTIALS.has(name))
    return [
      'transient',
      `the credentials are missing or refused (${name}); check the role or the AWS_* variables`,
    ]
  if (NO_CREDENTIALS.has(name))
    return [
      'transient',
      `there are no credentials (${name}); check the role of the task or the AWS_* variables`,
    ]
  if (CLOCK.has(name)) return ['transient', `the clock of this machine is wrong (${name}); set it`]
  if (REGION.has(name) || status === 301)
    return ['usage', `bucket ${bucket} is in another region (${name}); set AWS_REGION to that of the bucket`]
  if (name === 'Error' && status === undefined && system === undefined)
    return ['usage', 'AWS_REGION is not set']
  if (PASSING.has(name)) return ['transient', `${name}; try again`]
  if (status === 401 || status === 403)
    return [
      'transient',
      `access to bucket ${bucket} was denied (${name}); check the credentials, and that they permit ${permission}`,
    ]
  if (system !== undefined && CERTIFICATE.test(system))
    return [
      'usage',
      `the certificate of the server is not trusted (${system}); check S3_ENDPOINT and TLS_CA_FILE`,
    ]
  return unnamed(failure)
}

function unnamed({ name, status, system }: Failure): readonly [ErrorCode, string] {
  if (status === 404) return ['transient', 'it is gone; try again']
  if (status === 409 || status === 412) return ['transient', `it changed meanwhile (${name}); try again`]
  // To a HEAD there is no word why: of the reasons, an expired token is the one that HEADs of ours can have.
  if (status === 400 && name === NAMELESS)
    return [
      'transient',
      'the server refused the request without a reason (status 400); check the credentials',
    ]
  if (status === 429 || status === 408) return ['transient', `too many requests (${name}); try again later`]
  if (status !== undefined && status >= 400 && status < 500)
    return ['usage', `the server refused the request: ${name} (status ${status})`]
  if (status !== undefined && status >= 500)
    return ['transient', `the server failed with status ${status} (${name}); try again later`]
  return [
    'transient',
    `no answer from the server (${system ?? name}); check the network and S3_ENDPOINT, and try again`,
  ]
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { name: String(error), status: undefined, system: undefined }
  const metadata = '$metadata' in error ? error.$metadata : undefined
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
      ? metadata.httpStatusCode
      : undefined
  const system = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { name: error.name, status: typeof status === 'number' ? status : undefined, system }
}
