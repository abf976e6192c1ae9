import { request as requestHttp } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { limitTime, throwIfAborted } from '../../abort.js'
import { DuckfleetError } from '../../errors.js'
import { told } from './broker-errors.js'

/** Where a broker's management API is, and who asks. */
export interface ManagementAccess {
  /** Such as `https://host:15671`; holds no password. */
  readonly address: string
  readonly user: string
  readonly password: string
  /** PEM of the authority that signed its certificate; undefined: the system's. */
  readonly ca: string | undefined
}

/** More than any answer that is asked for here. */
const MAX_ANSWER = 8 * 1024 * 1024

/**
 * The JSON that a path below `/api/` holds. Throws a DuckfleetError: `usage` when the API refuses, `transient` when it does
 * not answer within `limitMs` milliseconds, `aborted`.
 */
export async function getJson(
  access: ManagementAccess,
  path: string,
  limitMs: number,
  signal: AbortSignal,
): Promise<unknown> {
  throwIfAborted(signal)
  const limit = limitTime(signal, limitMs)
  try {
    const { status, text } = await fetchText(access, path, limit.signal)
    if (status !== 200) throw refusal(access, status)
    return parse(text, access)
  } catch (error) {
    throwIfAborted(signal)
    if (error instanceof DuckfleetError) throw error
    const why = limit.late() ? `no answer within ${limitMs / 1000} s` : told(error)
    throw new DuckfleetError(
      'transient',
      `the management API at ${access.address} cannot be reached: ${why}`,
      {
        cause: error,
      },
    )
  } finally {
    limit.release()
  }
}

interface Answer {
  readonly status: number
  readonly text: string
}

/** Not `fetch`: that takes no authority of one's own. */
async function fetchText(access: ManagementAccess, path: string, signal: AbortSignal): Promise<Answer> {
  const { address, user, password, ca } = access
  const url = new URL(`${address.replace(/\/$/, '')}/api/${path}`)
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const options = { headers: { authorization }, signal, ...(ca === undefined ? {} : { ca }) }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, options, resolve).on('error', reject).end()
  })
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER) throw new Error(`its answer is longer than ${MAX_ANSWER} bytes`)
    chunks.push(chunk)
  }
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }
}

function refusal({ address, user }: ManagementAccess, status: number): DuckfleetError {
  switch (status) {
    case 401:
    case 403: {
      const hint = 'check its password, and that it has the tag monitoring or management'
      return new DuckfleetError('usage', `the management API at ${address} refused the user ${user}: ${hint}`)
    }
    case 404:
      return new DuckfleetError('usage', `the management API at ${address} knows no such virtual host`)
    default:
      return new DuckfleetError(
        'transient',
        `the management API at ${address} answered with status ${status}`,
      )
  }
}

function parse(text: string, { address }: ManagementAccess): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new DuckfleetError('transient', `what answers at ${address} is no management API`, { cause: error })
  }
}
