/** Things that come one after another, for any number of readers; each of them gets all. */
export class Arrivals<T> implements AsyncIterable<T> {
  private readonly items: T[] = []
  private end: { readonly error: unknown } | 'complete' | undefined
  private wake: (() => void)[] = []

  push(item: T): void {
    this.items.push(item)
    this.tell()
  }

  /** Nothing more comes. */
  complete(): void {
    this.end ??= 'complete'
    this.tell()
  }

  /** Readers get what has come, then this error; nobody needs to read. */
  fail(error: unknown): void {
    this.end ??= { error }
    this.tell()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (let next = 0; ;) {
      const item = this.items[next]
      if (next < this.items.length && item !== undefined) {
        next++
        yield item
      } else if (this.end === 'complete') return
      else if (this.end) throw this.end.error
      else await new Promise<void>((resolve) => this.wake.push(resolve))
    }
  }

  private tell(): void {
    for (const wake of this.wake.splice(0)) wake()
  }
}

/** All of them, once nothing more comes. */
export async function allOf<T>(arriving: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of arriving) items.push(item)
  return items
}
