/** Values by key, of which those are kept that were asked for last. */
export interface Recent<V> {
  get(key: string): V | undefined
  put(key: string, value: V): void
}

/** `capacity`: how many are kept; the one that was not asked for longest goes first. */
export function keepRecent<V>(capacity = 16): Recent<V> {
  const kept = new Map<string, V>()
  return {
    get(key) {
      const found = kept.get(key)
      if (found === undefined) return undefined
      kept.delete(key)
      kept.set(key, found)
      return found
    },
    put(key, value) {
      kept.delete(key)
      kept.set(key, value)
      const [oldest] = kept.keys()
      if (kept.size > capacity && oldest !== undefined) kept.delete(oldest)
    },
  }
}
