/** Wall-clock milliseconds of named steps; steps may overlap. */
export class Stopwatch<Step extends string> {
  private readonly spent = new Map<Step, number>()

  /** Runs a step and adds the time until it is settled. */
  async time<T>(step: Step, run: () => Promise<T>): Promise<T> {
    const start = performance.now()
    try {
      return await run()
    } finally {
      this.spent.set(step, this.ms(step) + performance.now() - start)
    }
  }

  ms(step: Step): number {
    return Math.round(this.spent.get(step) ?? 0)
  }
}
