/** What a release has and can: `stable` is any from 1.4 on. */
export type Dialect = '0.6' | '0.7' | '0.8' | 'stable'

export function isOld(dialect: Dialect): boolean {
  return dialect === '0.6' || dialect === '0.7'
}

/** The dialect of an engine such as `native:0.8.1`. */
export function dialectOf(engine: string): Dialect {
  const [, found] = /:(0\.[678])\./.exec(engine) ?? []
  return found === '0.6' || found === '0.7' || found === '0.8' ? found : 'stable'
}
