import { pino } from 'pino'
import type { JobReport } from './fleet/report.js'
import type { JobStep } from './fleet/step.js'

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What a line says of the job that it belongs to. */
interface JobMark {
  /** Unique for each try. */
  readonly job: string
  readonly tracker: string | undefined
  /** Which try this is: 1 at first. */
  readonly attempt: number
}

/** Structured lines for programs that collect them; people read the summary. */
export interface Log {
  /** A job ended, or will be tried again. */
  job(report: JobReport, retryInMs: number | undefined, mark?: JobMark): void
  /** A step of a job ended. */
  step(step: JobStep, mark: JobMark): void
  /** Anything else that happened. */
  event(level: Exclude<LogLevel, 'silent'>, message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** User and password of an address, up to the last `@` before its host ends. */
const CREDENTIALS = /:\/\/[^\s/"'\\]*@/g

/** JSON lines on stderr, from this level on; written at once, so that a killed process has said what it knew. */
export function createLog(level: LogLevel): Log {
  const logger = pino(
    {
      level,
      base: { pid: process.pid },
      redact: ['password', 'secret', 'token', 'credentials', '*.password', '*.secret', '*.token'],
      // No code should log an address with its password; a library's error message may.
      hooks: { streamWrite: (line) => line.replaceAll(CREDENTIALS, '://***@') },
    },
    pino.destination({ dest: 2, sync: true }),
  )
  return {
    job(report, retryInMs, mark) {
      const line = { ...mark, ...report, ...(retryInMs === undefined ? {} : { retryInMs }) }
      if (report.error) logger.warn(line, `${report.outcome}: ${report.error.message}`)
      else logger.info(line, report.outcome)
    },
    step(step, mark) {
      logger.info({ ...mark, ...step }, step.ok ? step.step : `${step.step} failed`)
    },
    event(at, message, fields = {}) {
      logger[at](fields, message)
    },
  }
}
