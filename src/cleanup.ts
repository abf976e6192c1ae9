/** What was opened, to be released in the opposite order. */
export interface Cleanup {
  add(release: () => Promise<void>): void
  /** Releases everything, also when one of them fails; then rejects with the first failure. */
  run(): Promise<void>
}

export function createCleanup(): Cleanup {
  const releases: (() => Promise<void>)[] = []
  return {
    add(release) {
      releases.push(release)
    },
    async run() {
      const failures: unknown[] = []
      for (let release = releases.pop(); release !== undefined; release = releases.pop()) {
        await release().catch((error: unknown) => failures.push(error))
      }
      if (failures.length > 0) throw failures[0]
    },
  }
}
