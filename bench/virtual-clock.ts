/** A clock that stands still while anybody works, and jumps to the next one who wakes up. */
export interface VirtualClock {
  /** Seconds since the beginning. */
  now(): number
  /** Resolves when so many seconds have passed on this clock. */
  sleep(seconds: number): Promise<void>
  /** Waits until everybody sleeps or waits, then wakes the next one. False: nobody sleeps. */
  tick(): Promise<boolean>
}

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

export function createVirtualClock(): VirtualClock {
  const sleepers: Sleeper[] = []
  let now = 0
  return {
    now: () => now,
    sleep: (seconds) =>
      new Promise((wake) => {
        push(sleepers, { at: now + seconds, wake })
      }),
    async tick() {
      // Promises that can go on do so before an immediate comes.
      await new Promise(setImmediate)
      const next = pop(sleepers)
      if (next === undefined) return false
      now = next.at
      next.wake()
      return true
    },
  }
}

/** A binary heap, the earliest first. */
function push(heap: Sleeper[], sleeper: Sleeper): void {
  let place = heap.length
  heap.push(sleeper)
  while (place > 0) {
    const above = (place - 1) >> 1
    const parent = heap[above]
    if (parent === undefined || parent.at <= sleeper.at) break
    heap[place] = parent
    place = above
  }
  heap[place] = sleeper
}

function pop(heap: Sleeper[]): Sleeper | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let place = 0
  for (;;) {
    const child = earlierChild(heap, place)
    const sleeper = heap[child]
    if (sleeper === undefined || sleeper.at >= last.at) break
    heap[place] = sleeper
    place = child
  }
  heap[place] = last
  return first
}

function earlierChild(heap: readonly Sleeper[], place: number): number {
  const left = 2 * place + 1
  const one = heap[left]
  const other = heap[left + 1]
  return one !== undefined && other !== undefined && other.at < one.at ? left + 1 : left
}
