/** So many that what is asked of an engine at once is worth a message, and few enough that a failure ends it soon. */
const TOGETHER = 16

/** Items in their order, some at a time. */
export function* inGroups<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += TOGETHER) yield items.slice(at, at + TOGETHER)
}
