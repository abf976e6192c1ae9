import { pino } from 'pino'
import type { JobReport } from './fleet/report.js'

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Structured lines for programs that collect them; people read the summary. */
export interface Log {
  /** A job ended, or will be tried again. */
  job(report: JobReport, retryInMs: number | undefined): void
}

/** JSON lines on stderr, from this level on; written at once, so that a killed process has said what it knew. */
export function createLog(level: LogLevel): Log {
  const logger = pino({ level, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }))
  return {
    job(report, retryInMs) {
      const line = { ...report, ...(retryInMs === undefined ? {} : { retryInMs }) }
      if (report.error) logger.warn(line, `${report.outcome}: ${report.error.message}`)
      else logger.info(line, report.outcome)
    },
  }
}
