const FIRST_CAPACITY = 64 * 1024

/** Bytes that grow at their end; emptied and filled again without a new allocation. */
export class GrowingBytes {
  private buffer = new ArrayBuffer(FIRST_CAPACITY)
  bytes = new Uint8Array(this.buffer)
  /** The same memory as `bytes`. */
  words = new Uint32Array(this.buffer)
  length = 0

  /** Makes room for so many more bytes; `bytes` and `words` may be others afterwards. */
  reserve(more: number): void {
    const needed = this.length + more
    if (needed <= this.buffer.byteLength) return
    // A multiple of four, for `words`.
    const grown = new ArrayBuffer(Math.ceil(Math.max(needed, this.buffer.byteLength * 1.5) / 8) * 8)
    const bytes = new Uint8Array(grown)
    bytes.set(this.bytes.subarray(0, this.length))
    this.buffer = grown
    this.bytes = bytes
    this.words = new Uint32Array(grown)
  }

  /** Appends bytes. */
  append(from: Uint8Array): void {
    this.reserve(from.length)
    this.bytes.set(from, this.length)
    this.length += from.length
  }

  content(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  clear(): void {
    this.length = 0
  }
}
