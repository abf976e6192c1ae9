import { asDuckfleetError } from '../../errors.js'
import type { DepthQuestion, Depths, FamilyDepth } from '../port-depth.js'
import { keepLink } from './link-keeper.js'
import type { LinkKeeper, RabbitOptions } from './link-keeper.js'
import { readFamily } from './management.js'
import { managementAccess } from './management-access.js'
import { readPassively } from './passive-depth.js'

export interface DepthsOptions extends Pick<RabbitOptions, 'credentials' | 'onEvent'> {
  /** Address of the management API; undefined: the usual one for the broker's host. */
  readonly management: string | undefined
  /** PEM of the authority for TLS; undefined: the system's. */
  readonly ca: string | undefined
}

const INTERVAL_MS = 2_000
/** Amazon MQ asks for no more. */
const AMAZON_INTERVAL_MS = 60_000
/** An API that was not there is left alone so long. */
const PAUSE_MS = 60_000
const LIMIT_MS = { named: 10_000, guessed: 2_000 } as const
/** Somebody waits for the answer. */
const START_LIMIT_MS = 10_000

/** Looks at queues through the management API, or, where there is none, with what AMQP itself tells. */
export async function openDepths(options: DepthsOptions, signal: AbortSignal): Promise<Depths> {
  let credentials = await options.credentials({ fresh: false }, signal)
  let keeper: LinkKeeper | undefined
  let missing: string | undefined
  let next = 0
  const limitMs = LIMIT_MS[options.management === undefined ? 'guessed' : 'named']

  const ask = (questions: readonly DepthQuestion[], asked: AbortSignal): Promise<FamilyDepth[]> => {
    const access = managementAccess(credentials, options)
    const { vhost } = credentials
    return Promise.all(questions.map((question) => readFamily(access, vhost, question, limitMs, asked)))
  }
  const askTwice = async (
    questions: readonly DepthQuestion[],
    asked: AbortSignal,
  ): Promise<FamilyDepth[]> => {
    try {
      return await ask(questions, asked)
    } catch (error) {
      if (asDuckfleetError(error).code !== 'usage') throw error
      // Passwords rotate.
      credentials = await options.credentials({ fresh: true }, asked)
      return ask(questions, asked)
    }
  }
  const fromManagement = async (
    questions: readonly DepthQuestion[],
    asked: AbortSignal,
  ): Promise<readonly FamilyDepth[] | undefined> => {
    if (performance.now() < next) return undefined
    try {
      return await askTwice(questions, asked)
    } catch (thrown) {
      const error = asDuckfleetError(thrown, 'transient')
      if (error.code === 'aborted') throw error
      missing = error.message
      next = performance.now() + PAUSE_MS
      return undefined
    }
  }
  const fromBroker = async (
    questions: readonly DepthQuestion[],
    asked: AbortSignal,
  ): Promise<readonly FamilyDepth[]> => {
    keeper ??= await keepLink({ ...options, startLimitMs: START_LIMIT_MS }, asked)
    const link = await keeper.link(asked, START_LIMIT_MS)
    return Promise.all(questions.map(({ name }) => readPassively(link, name)))
  }
  return {
    intervalMs: isAmazon(credentials.host) ? AMAZON_INTERVAL_MS : INTERVAL_MS,
    async read(questions, asked) {
      const known = await fromManagement(questions, asked)
      if (known !== undefined) return { missing: undefined, families: known }
      return { missing, families: await fromBroker(questions, asked) }
    },
    async close() {
      await keeper?.close()
      keeper = undefined
    },
  }
}

const isAmazon = (host: string): boolean => /\.amazonaws\.com(\.cn)?$/.test(host)
