import { describe, expect, it } from 'vitest'
import { settingsOf } from '../config.js'
import { parseSettings } from '../lib/settings.js'
import type { Settings } from '../lib/settings.js'

const dev = settingsOf('dev')

describe('settings', () => {
  it('of all three environments are right', () => {
    expect(['dev', 'staging', 'prod'].map((env) => settingsOf(env).env)).toEqual(['dev', 'staging', 'prod'])
  })

  it('name the environments there are when another is asked for', () => {
    expect(() => settingsOf('test')).toThrow(
      "no environment 'test' in config.ts; there are dev, staging, prod",
    )
  })

  const { small } = dev.services
  const wrong: readonly (readonly [string, Partial<Settings>, RegExp])[] = [
    ['an account that is none', { account: '12' }, /account: is no account/],
    [
      'a size that Fargate has not',
      { services: { ...dev.services, small: { ...small, memoryMiB: 1024 } } },
      /services\.small: memoryMiB 1024 does not go with cpu 1024; use 2048 to 8192 in steps of 1024/,
    ],
    [
      'more tasks at least than at most',
      { services: { ...dev.services, small: { ...small, minTasks: 30 } } },
      /minTasks is more than maxTasks/,
    ],
    [
      'destinations that lie where sources are read',
      { destinationBucket: { ...dev.sourceBucket, prefixes: ['tracker-migration/new/'] } },
      /destinationBucket: prefix 'tracker-migration\/new\/' lies where sources are read/,
    ],
    ['a broker without TLS', { broker: { ...dev.broker, port: 5672 } }, /broker: 5672 is AMQP without TLS/],
    [
      'a prefix with a wildcard',
      { sourceBucket: { ...dev.sourceBucket, prefixes: ['*'] } },
      /sourceBucket\.prefixes\.0: is no prefix/,
    ],
    ['a key for any key', { secretsKeyArn: 'arn:aws:kms:us-east-1:000000000000:key/*' }, /secretsKeyArn/],
    ['a queue of big files', { queue: 'migrate_big' }, /queue: is no queue name, or ends in _big/],
  ]

  it.each(wrong)('refuse %s', (_what, change, message) => {
    expect(() => parseSettings({ ...dev, ...change })).toThrow(message)
  })

  it('list every problem at once', () => {
    expect(() => parseSettings({ ...dev, account: '12', region: 'here' })).toThrow(/account: .*\n.*region: /)
  })

  it('may have source and destination in one bucket, side by side', () => {
    expect(parseSettings({ ...dev, destinationBucket: { ...dev.sourceBucket, prefixes: [''] } }).env).toBe(
      'dev',
    )
  })
})
