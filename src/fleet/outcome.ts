import type { DuckfleetError } from '../errors.js'
import type { Outcome } from './report.js'

/** How a job ends that stopped with this error. Whether `retried` gets another try is the worker's to say. */
export function outcomeOf({ code }: DuckfleetError): Outcome {
  switch (code) {
    case 'unreadable':
      return 'skipped'
    case 'transient':
    case 'no-space':
    case 'aborted':
    // An engine can die of its neighbours too, such as a machine short of memory.
    case 'engine':
      return 'retried'
    case 'usage':
    case 'corrupt':
    case 'unsupported':
    case 'difference':
      return 'failed'
    default:
      return code satisfies never
  }
}
