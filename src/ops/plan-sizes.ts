/** Files of one queue. */
export interface SizeClass {
  readonly files: number
  readonly bytes: number
}

/** All files are drawn from a log-normal distribution: few are big, and those hold much of the bytes. */
export interface Sizes {
  readonly files: number
  readonly bytes: number
  /** Standard deviation of the logarithm of a size: 0 makes all files equal. */
  readonly spread: number
}

/** Splits files into those under `bigFrom` bytes and the rest, by the distribution. Whole files. */
export function splitSizes(
  { files, bytes, spread }: Sizes,
  bigFrom: number,
): { readonly small: SizeClass; readonly big: SizeClass } {
  const big = bigPart({ files, bytes, spread }, bigFrom)
  return { small: { files: files - big.files, bytes: bytes - big.bytes }, big }
}

function bigPart({ files, bytes, spread }: Sizes, bigFrom: number): SizeClass {
  const none = { files: 0, bytes: 0 }
  if (files === 0 || bytes === 0) return none
  if (spread === 0) return bytes / files >= bigFrom ? { files, bytes } : none
  const { mean } = logOf({ files, bytes, spread })
  const over = (mean - Math.log(bigFrom)) / spread
  const count = Math.round(files * normal(over))
  if (count === 0) return none
  return count === files
    ? { files, bytes }
    : { files: count, bytes: Math.round(bytes * normal(over + spread)) }
}

/** e^−γ: what the biggest of n draws leaves above itself, times n, when its logarithm is averaged. */
const ABOVE_BIGGEST = 0.5615

/** Bytes that the biggest of these files is likely to have; single campaigns differ by half of it, and more. */
export function biggestSize({ files, bytes, spread }: Sizes): number {
  if (files === 0 || bytes === 0) return 0
  if (spread === 0 || files === 1) return bytes / files
  const { mean } = logOf({ files, bytes, spread })
  return Math.min(bytes, Math.exp(mean + spread * normalQuantile(1 - ABOVE_BIGGEST / files)))
}

/** Mean of the logarithms of the sizes. */
export function logOf({ files, bytes, spread }: Sizes): { readonly mean: number } {
  return { mean: Math.log(bytes / files) - spread ** 2 / 2 }
}

/** Distribution function of the standard normal distribution, to 7 digits (Abramowitz and Stegun, 26.2.17). */
function normal(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x))
  const factors = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429]
  const sum = factors.reduceRight((inner, factor) => (inner + factor) * t, 0)
  const tail = (Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI)) * sum
  return x >= 0 ? 1 - tail : tail
}

/** Inverse of {@link normal}, by halving. */
function normalQuantile(share: number): number {
  let [low, high] = [-9, 9]
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (normal(middle) < share) low = middle
    else high = middle
  }
  return (low + high) / 2
}
