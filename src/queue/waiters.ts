/** Those who wait for something to change; woken all together, each looks for itself. */
export interface Waiters {
  wake(): void
  /** Resolves at the next `wake`, or when the signal fires. Never rejects. */
  wait(signal: AbortSignal): Promise<void>
}

export function createWaiters(): Waiters {
  const waiting = new Set<() => void>()
  return {
    wake() {
      for (const resolve of [...waiting]) resolve()
    },
    wait: (signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          waiting.delete(done)
          signal.removeEventListener('abort', done)
          resolve()
        }
        waiting.add(done)
        signal.addEventListener('abort', done)
        if (signal.aborted) done()
      }),
  }
}
