import { asDuckfleetError } from '../../errors.js'
import type { DepthQuestion, Depths } from '../port-depth.js'
import { readAgeMark } from './age-reading.js'
import { familyOf } from './depth-family.js'
import { keepLink } from './link-keeper.js'
import type { LinkKeeper, RabbitOptions } from './link-keeper.js'
import { readDetails } from './management.js'
import { answerLimitMs, managementAccess } from './management-access.js'
import { countMessages } from './passive-depth.js'
import type { Counted } from './passive-depth.js'

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
/** Somebody waits for the answer. */
const START_LIMIT_MS = 5_000

const NOTHING = { counted: new Map<string, never>(), oldestAt: undefined }

/** By the name of a queue. */
type Details = Awaited<ReturnType<typeof readDetails>>

/** Counts messages with AMQP, which is exact, and asks the management API for the rest, if there is one. */
export async function openDepths(options: DepthsOptions, signal: AbortSignal): Promise<Depths> {
  let credentials = await options.credentials({ fresh: false }, signal)
  let keeper: LinkKeeper | undefined
  let missing: string | undefined
  let next = 0
  const limitMs = answerLimitMs(options.management)

  const ask = (questions: readonly DepthQuestion[], asked: AbortSignal): Promise<Details[]> => {
    const access = managementAccess(credentials, options)
    const { vhost } = credentials
    return Promise.all(questions.map((question) => readDetails(access, vhost, question, limitMs, asked)))
  }
  const askTwice = async (questions: readonly DepthQuestion[], asked: AbortSignal): Promise<Details[]> => {
    try {
      return await ask(questions, asked)
    } catch (error) {
      if (asDuckfleetError(error).code !== 'usage') throw error
      // Passwords rotate.
      credentials = await options.credentials({ fresh: true }, asked)
      return ask(questions, asked)
    }
  }
  const details = async (questions: readonly DepthQuestion[], asked: AbortSignal): Promise<Details[]> => {
    if (performance.now() < next) return []
    try {
      const told = await askTwice(questions, asked)
      missing = undefined
      return told
    } catch (thrown) {
      const error = asDuckfleetError(thrown, 'transient')
      if (error.code === 'aborted') throw error
      missing = error.message
      next = performance.now() + PAUSE_MS
      return []
    }
  }
  const count = async (
    questions: readonly DepthQuestion[],
    asked: AbortSignal,
  ): Promise<{ readonly counted: Counted; readonly oldestAt: number | undefined }[]> => {
    keeper ??= await keepLink({ ...options, startLimitMs: START_LIMIT_MS }, asked)
    const link = await keeper.link(asked, START_LIMIT_MS)
    return Promise.all(
      questions.map(async ({ name }) => {
        const [counted, oldestAt] = await Promise.all([countMessages(link, name), readAgeMark(link, name)])
        return { counted, oldestAt }
      }),
    )
  }
  return {
    intervalMs: isAmazon(credentials.host) ? AMAZON_INTERVAL_MS : INTERVAL_MS,
    async read(questions, asked) {
      const [counts, told] = await Promise.all([count(questions, asked), details(questions, asked)])
      const families = questions.map(({ name }, index) =>
        familyOf(name, counts[index] ?? NOTHING, told[index] ?? new Map()),
      )
      const warnings = told.flatMap((details) => [...details.values()].flatMap(({ losses }) => losses))
      return { missing, warnings, families }
    },
    async close() {
      await keeper?.close()
      keeper = undefined
    },
  }
}

const isAmazon = (host: string): boolean => /\.amazonaws\.com(\.cn)?$/.test(host)
