import { DuckfleetError } from '../../errors.js'

/**
 * What `work` gives, or a DuckfleetError `transient` with this sentence after `ms` milliseconds. Heartbeats end a connection
 * that is silent, but a queue whose node is away leaves a request without an answer on one that is not.
 */
export async function limited<T>(ms: number, sentence: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new DuckfleetError('transient', sentence))
    }, ms)
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}
