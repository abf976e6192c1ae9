/** Release of a broker. */
export interface BrokerVersion {
  /** As the broker says it. */
  readonly text: string
  atLeast(major: number, minor: number): boolean
}

/** An unknown spelling counts as an old broker, of which nothing is expected. */
export function readVersion(text: string): BrokerVersion {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(text) ?? []
  const have = Number(major) * 1000 + Number(minor)
  return { text, atLeast: (wantMajor, wantMinor) => have >= wantMajor * 1000 + wantMinor }
}
