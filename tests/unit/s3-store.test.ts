import { afterEach, describe, expect, it, vi } from 'vitest'
import { createS3Client } from '../../src/store/s3/client.js'
import { nameOf, s3Error, statusOf } from '../../src/store/s3/errors.js'
import { copySource, decodeKey, objectKey, objectPrefix } from '../../src/store/s3/key.js'
import { cut, inParallel, partSizeFor } from '../../src/store/s3/parts.js'

const MIB = 1024 * 1024
const GIB = 1024 * MIB
const signal = new AbortController().signal

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('s3 client', () => {
  it('looks for its region once, not at every request', async () => {
    vi.stubEnv('AWS_REGION', 'eu-central-1')
    const client = createS3Client({ endpoint: 'http://127.0.0.1:1' })
    expect(await client.config.region()).toBe('eu-central-1')
    vi.stubEnv('AWS_REGION', 'us-west-2')
    expect(await client.config.region()).toBe('eu-central-1')
    client.destroy()
  })
})

describe('s3 keys', () => {
  it('takes a leading ./ off, and leaves the rest as it is', () => {
    expect(objectKey('b', './a//b c+%.duckdb')).toBe('a//b c+%.duckdb')
  })

  it.each(['', './', '/a', 'a/', '../a', 'a/../b', 'a/./b', 'a\0', '\ud800', 'x'.repeat(1025)])(
    'refuses %j',
    (key) => {
      expect(() => objectKey('b', key)).toThrow(expect.objectContaining({ code: 'usage' }) as Error)
    },
  )

  it('takes any beginning of keys as a prefix, but none that leaves the bucket', () => {
    expect(['', 'a', 'a/', 'a/b'].map((prefix) => objectPrefix('b', prefix))).toEqual(['', 'a', 'a/', 'a/b'])
    for (const prefix of ['/', '../', 'a/../b', 'a\0'])
      expect(() => objectPrefix('b', prefix)).toThrow(expect.objectContaining({ code: 'usage' }) as Error)
  })

  it('writes keys for the header of a copy, and reads those of listings, so that they come back', () => {
    for (const key of ['a b+c%20/ü/🦆/?#&.duckdb', 'tab\tline\n'])
      expect(decodeKey(copySource('b', key))).toBe(`b/${key}`)
    expect(decodeKey('a+b%2Bc')).toBe('a b+c')
  })
})

describe('s3 parts', () => {
  it.each([
    [0, 10, []],
    [10, 10, ['0-10']],
    [11, 10, ['0-10', '10-11']],
  ])('cuts %i bytes into parts of %i', (size, part, expected) => {
    expect([...cut(size, part)].map(({ from, to }) => `${from}-${to}`)).toEqual(expected)
  })

  it('makes parts so big that 10,000 of them hold the file', () => {
    expect(partSizeFor(100 * GIB, 16 * MIB)).toBe(16 * MIB)
    for (const size of [16 * MIB * 10_000, 16 * MIB * 10_000 + 1, 5 * 1024 * GIB])
      expect(Math.ceil(size / partSizeFor(size, 16 * MIB))).toBeLessThanOrEqual(10_000)
  })

  it('waits for what is still running before it tells of the first error', async () => {
    let running = 0
    const run = inParallel([1, 2, 3, 4, 5, 6], 3, signal, async (item, stop) => {
      running++
      await new Promise<void>((resolve) => {
        if (item === 2) resolve()
        else
          stop.addEventListener('abort', () => {
            setTimeout(resolve, 20)
          })
      })
      running--
      throw new Error(`item ${item}`)
    })
    await expect(run).rejects.toThrow('item 2')
    expect(running).toBe(0)
  })

  it('starts nothing when the signal has fired', async () => {
    const started: number[] = []
    const run = inParallel([1], 1, AbortSignal.abort(), (item) => {
      started.push(item)
      return Promise.resolve()
    })
    await expect(run).rejects.toMatchObject({ code: 'aborted' })
    expect(started).toEqual([])
  })
})

describe('s3 errors', () => {
  const attempted = { action: 'read', address: 's3://b/k', bucket: 'b', permission: 's3:GetObject' }
  const answer = (name: string, status?: number, code?: string): Error =>
    Object.assign(new Error('their words'), {
      name,
      ...(code === undefined ? {} : { code }),
      $metadata: status === undefined ? {} : { httpStatusCode: status },
      $response: { headers: { 'x-amz-security-token': 'secret' } },
    })

  it.each([
    ['NoSuchBucket', 404, 'usage', 'no bucket b'],
    ['InvalidAccessKeyId', 403, 'transient', 'credentials'],
    ['SignatureDoesNotMatch', 403, 'transient', 'credentials'],
    ['AccessDenied', 403, 'transient', 's3:GetObject'],
    ['Unknown', 401, 'transient', 's3:GetObject'],
    ['Unknown', 400, 'transient', 'credentials'],
    ['RequestTimeTooSkewed', 403, 'transient', 'clock'],
    ['InvalidObjectState', 403, 'usage', 'archived'],
    ['PermanentRedirect', 301, 'usage', 'AWS_REGION'],
    ['EntityTooLarge', 400, 'usage', 'EntityTooLarge'],
    ['ExpiredToken', 400, 'transient', 'ExpiredToken'],
    ['BadDigest', 400, 'transient', 'BadDigest'],
    ['RequestTimeout', 400, 'transient', 'RequestTimeout'],
    ['TooManyRequests', 429, 'transient', 'later'],
    ['SlowDown', 503, 'transient', '503'],
    ['InternalError', 500, 'transient', '500'],
  ])('tells %s (%i) as %s', (name, status, code, text) => {
    const error = s3Error(answer(name, status), attempted)
    expect(error.code).toBe(code)
    expect(error.message).toContain('cannot read s3://b/k: ')
    expect(error.message).toContain(text)
    expect([nameOf(error), statusOf(error)]).toEqual([name, status])
  })

  it.each([
    ['ECONNRESET', 'transient'],
    ['ENOTFOUND', 'transient'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'usage'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'usage'],
  ])('tells %s as %s', (code, expected) => {
    const error = s3Error(answer('Error', undefined, code), attempted)
    expect(error.code).toBe(expected)
    expect(error.message).toContain(code)
  })

  it('keeps nothing of the request, which holds session tokens', () => {
    const { cause } = s3Error(answer('AccessDenied', 403), attempted)
    expect(JSON.stringify(cause)).not.toContain('secret')
  })
})
