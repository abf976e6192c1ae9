import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { JobReport } from '../fleet/report.js'
import type { JobStep } from '../fleet/step.js'

/** What a worker counts, for Prometheus. */
export interface Metrics {
  readonly jobStarted: () => void
  readonly jobEnded: (report: JobReport) => void
  readonly step: (step: JobStep) => void
  readonly downloaded: (bytes: number) => void
  readonly engineLost: () => void
  /** All of it in Prometheus's text format. */
  text(): Promise<string>
  readonly contentType: string
}

/** From a small file on this machine to an hour over a slow network. */
const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600]

/** A registry of its own for each call, so that tests do not meet. `worker`: `small` or `big`. */
export function createMetrics(worker: string): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ worker })
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const jobs = new Counter({
    name: 'duckfleet_jobs_total',
    help: 'Jobs that ended, by outcome; retried ones come back',
    labelNames: ['outcome', 'reason'] as const,
    registers,
  })
  const steps = new Histogram({
    name: 'duckfleet_step_seconds',
    help: 'Seconds of each step of a job',
    labelNames: ['step'] as const,
    buckets: SECONDS,
    registers,
  })
  const bytes = new Counter({
    name: 'duckfleet_bytes_total',
    help: 'Bytes of databases that came in and went out',
    labelNames: ['direction'] as const,
    registers,
  })
  const inWork = new Gauge({ name: 'duckfleet_jobs_in_work', help: 'Jobs in work now', registers })
  const lost = new Counter({
    name: 'duckfleet_engine_restarts_total',
    help: 'Engine processes that died or had to be killed at work, and are started anew',
    registers,
  })
  return {
    jobStarted: () => {
      inWork.inc()
    },
    jobEnded: (report) => {
      inWork.dec()
      jobs.inc({ outcome: report.outcome, reason: report.error?.code ?? 'none' })
      const published = report.outcome === 'migrated' || report.outcome === 'copied'
      if (published) bytes.inc({ direction: 'out' }, report.bytesOut ?? 0)
    },
    step: ({ step, ms }) => {
      steps.observe({ step }, ms / 1000)
    },
    downloaded: (count) => {
      bytes.inc({ direction: 'in' }, count)
    },
    engineLost: () => {
      lost.inc()
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
