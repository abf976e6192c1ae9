import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { S3Client } from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createS3Client } from '../../src/store/s3/client.js'
import { createS3Store } from '../../src/store/s3/store.js'

const signal = new AbortController().signal
const PAGE = 1000
const WRITTEN = '2026-06-01T10:00:00.000Z'

/** Objects that a server lists: key as it spells it, and the XML of what it tells besides. */
interface Listed {
  readonly key: string
  readonly tells?: string
}

const TELLS = '<Size>7</Size><ETag>&quot;e&quot;</ETag>'

let server: Server
let client: S3Client
let listed: readonly Listed[]
/** Keys that HEAD finds. */
let there: readonly string[]
let requests: string[]

/** Servers that answer as the one of the other tests does not. */
beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'a')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b')
  ;[listed, there, requests] = [[], [], []]
  server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  client = createS3Client({ endpoint: endpoint() })
})
afterEach(async () => {
  client.destroy()
  vi.unstubAllEnvs()
  await new Promise((resolve) => server.close(resolve))
})

function endpoint(): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function answer({ method = '', url = '' }: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(url, endpoint())
  if (method === 'HEAD') {
    const key = decodeURIComponent(pathname.slice('/b/'.length))
    requests.push(`HEAD ${key}`)
    if (there.includes(key)) response.writeHead(200, { etag: '"e"', 'content-length': 7 }).end()
    else response.writeHead(404).end()
    return
  }
  const prefix = searchParams.get('prefix') ?? ''
  requests.push(`LIST ${prefix}`)
  const from = Number(searchParams.get('continuation-token') ?? 0)
  const all = listed.filter(({ key }) => key.startsWith(prefix) || key.includes('odd'))
  const contents = all.slice(from, from + PAGE).map(({ key, tells = TELLS }) => {
    return `<Contents><Key>${key}</Key><LastModified>${WRITTEN}</LastModified>${tells}</Contents>`
  })
  const more = from + PAGE < all.length
  response.end(
    `<?xml version="1.0"?><ListBucketResult><EncodingType>url</EncodingType><IsTruncated>${more}</IsTruncated>` +
      `${more ? `<NextContinuationToken>${from + PAGE}</NextContinuationToken>` : ''}${contents.join('')}</ListBucketResult>`,
  )
}

const stat = (key: string): ReturnType<ReturnType<typeof createS3Store>['stat']> =>
  createS3Store({ client, bucket: 'b', endpoint: endpoint() }).stat(key, signal)

describe('looking at an object', () => {
  it('takes one request where it is listed', async () => {
    listed = [{ key: 'k' }, { key: 'k.wal' }]
    const { file, wals } = await stat('k')
    expect(file).toMatchObject({ size: 7, version: 'e', writtenAt: Date.parse(WRITTEN) })
    expect(wals.map(({ suffix }) => suffix)).toEqual(['.wal'])
    expect(requests).toEqual(['LIST k'])
  })

  it('finds it where the list lags behind', async () => {
    there = ['k']
    expect((await stat('k')).file).toMatchObject({ size: 7, version: 'e' })
    there = []
    expect((await stat('k')).file).toBeUndefined()
  })

  it('finds its WAL behind thousands of objects whose names begin alike, without reading them all', async () => {
    const others = Array.from({ length: 5000 }, (_, i) => ({ key: `k-${String(i).padStart(5, '0')}` }))
    listed = [{ key: 'k' }, ...others, { key: 'k.wal' }]
    const { file, wals } = await stat('k')
    expect(file).toBeDefined()
    expect(wals.map(({ suffix }) => suffix)).toEqual(['.wal'])
    expect(requests).toEqual(['LIST k', 'LIST k.wal'])
  })

  it.each([
    ['tells no size', { key: 'k.wal', tells: '<ETag>&quot;e&quot;</ETag>' }, 'no size'],
    ['tells no ETag', { key: 'k.wal', tells: '<Size>7</Size>' }, 'no ETag'],
    ['spells keys in another way', { key: 'odd+k.wal' }, '"odd k.wal"'],
    ['has a key that is not UTF-8', { key: 'odd%ff' }, 'odd%ff'],
  ])('refuses a server that %s, instead of missing a WAL', async (_, wal, told) => {
    listed = [{ key: 'k' }, wal]
    await expect(stat('k')).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(told) as string,
    })
  })
})
