import {
  GetSecretValueCommand,
  SecretsManagerClient,
  SecretsManagerServiceException,
} from '@aws-sdk/client-secrets-manager'
import { limitTime, throwIfAborted } from '../abort.js'
import { DuckfleetError } from '../errors.js'

/** Secrets by name. */
export interface Secrets {
  /**
   * The JSON object that a secret holds; kept from the first time on, read again when `fresh`. Rejects with a DuckfleetError that
   * names the secret and holds nothing of it: `usage` when it is not there, not open to us or no JSON object,
   * `transient` when AWS does not answer in time, `aborted`.
   */
  read(
    name: string,
    options: { readonly fresh: boolean },
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, unknown>>>
  close(): void
}

export interface SecretsOptions {
  /** Another server than AWS, for tests. */
  readonly endpoint?: string
  /** Default: as AWS's own tools find it. */
  readonly region?: string
  /** Milliseconds for one secret with all tries; default 30 s. */
  readonly limitMs?: number
}

const ATTEMPTS = 5

/** Secrets of AWS Secrets Manager. */
export function createSecrets({ endpoint, region, limitMs = 30_000 }: SecretsOptions = {}): Secrets {
  let client: SecretsManagerClient | undefined
  const kept = new Map<string, Readonly<Record<string, unknown>>>()
  const fetch = async (name: string, signal: AbortSignal): Promise<string> => {
    client ??= new SecretsManagerClient({
      maxAttempts: ATTEMPTS,
      requestHandler: { connectionTimeout: 5_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
    })
    const limit = limitTime(signal, limitMs)
    try {
      const command = new GetSecretValueCommand({ SecretId: name })
      const answer = await client.send(command, { abortSignal: limit.signal })
      return answer.SecretString ?? Buffer.from(answer.SecretBinary ?? []).toString()
    } catch (error) {
      throwIfAborted(signal)
      throw limit.late() ? late(name, limitMs) : secretError(error, name)
    } finally {
      limit.release()
    }
  }
  return {
    async read(name, { fresh }, signal) {
      throwIfAborted(signal)
      const before = fresh ? undefined : kept.get(name)
      if (before !== undefined) return before
      const read = parse(await fetch(name, signal), name)
      kept.set(name, read)
      return read
    },
    close() {
      client?.destroy()
      kept.clear()
    },
  }
}

function late(name: string, limitMs: number): DuckfleetError {
  return new DuckfleetError(
    'transient',
    `secret ${name}: Secrets Manager gave no answer within ${limitMs / 1000} s`,
  )
}

/** Errors that trying again does not change. */
const WRONG = new Set([
  'ResourceNotFoundException',
  'AccessDeniedException',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'ExpiredTokenException',
  'DecryptionFailure',
  'InvalidParameterException',
  'InvalidRequestException',
  'CredentialsProviderError',
])

// The error itself is not passed on as a cause: it may hold the request and the answer.
function secretError(error: unknown, name: string): DuckfleetError {
  const { name: kind, message } = error instanceof Error ? error : new Error(String(error))
  const service = error instanceof SecretsManagerServiceException
  const wrong = WRONG.has(kind) || message.includes('Region is missing')
  const why = service ? `${kind}: ${message}` : message || kind
  const hint = wrong ? '; check its name, the region and the permission secretsmanager:GetSecretValue' : ''
  return new DuckfleetError(wrong ? 'usage' : 'transient', `secret ${name} cannot be read: ${why}${hint}`)
}

function parse(text: string, name: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Its message quotes the text.
    value = undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DuckfleetError('usage', `secret ${name} is no JSON object`)
  }
  return { ...value }
}
