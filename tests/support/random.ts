/** A seeded source of chance: the same seed gives the same choices on every machine (mulberry32). */
export class Random {
  constructor(private state: number) {}

  /** A number from 0 inclusive to 1 exclusive. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number, both ends included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(0, items.length - 1)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  /** Between `from` and `to` results of `make`. */
  times<T>(from: number, to: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.int(from, to) }, (_, index) => make(index))
  }

  /** A whole number of so many bits, evenly spread over the number of bits that it takes. */
  bits(most: number): bigint {
    const size = this.int(0, most)
    let value = 0n
    for (let bit = 0; bit < size; bit++) value = (value << 1n) | (this.chance(0.5) ? 1n : 0n)
    return value
  }
}
