import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Bucket } from '../../src/store/s3/bucket.js'
import { S3_LIMITS } from '../../src/store/s3/bucket.js'
import { createS3Client } from '../../src/store/s3/client.js'
import { completeUpload, inUpload } from '../../src/store/s3/multipart.js'

const signal = new AbortController().signal
const KEY = 'a.duckdb'

/** An upload under way, as a server lists it. */
interface Listed {
  readonly id: string
  readonly initiator: string
  readonly second: number
}

let server: Server
let bucket: Bucket
let uploads: readonly Listed[]
let aborted: Set<string>
/** Bodies of the next answers to an end, all of them with status 200: S3 says so before it knows. */
let ends: string[]
const ENDED = '<CompleteMultipartUploadResult><ETag>&quot;e&quot;</ETag></CompleteMultipartUploadResult>'

beforeEach(async () => {
  aborted = new Set()
  ends = []
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://s3')
    const id = url.searchParams.get('uploadId')
    response.setHeader('content-type', 'application/xml')
    if (request.method === 'POST' && id !== null) response.end(ends.shift() ?? ENDED)
    else if (request.method === 'POST')
      response.end('<InitiateMultipartUploadResult><UploadId>own</UploadId></InitiateMultipartUploadResult>')
    else if (request.method === 'DELETE' && id !== null) {
      response.writeHead(aborted.has(id) ? 404 : 204).end()
      aborted.add(id)
    } else response.end(listOf(uploads))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = createS3Client({ endpoint, region: 'us-east-1' })
  client.config.credentials = () => Promise.resolve({ accessKeyId: 'key', secretAccessKey: 'secret' })
  bucket = { client, name: 'bucket', endpoint, limits: S3_LIMITS }
})
afterEach(async () => {
  bucket.client.destroy()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

function listOf(listed: readonly Listed[]): string {
  const entries = listed.map(
    ({ id, initiator, second }) =>
      `<Upload><Key>${KEY}</Key><UploadId>${id}</UploadId><Initiator><ID>${initiator}</ID></Initiator>` +
      `<Initiated>2026-01-01T00:00:0${second}.000Z</Initiated></Upload>`,
  )
  return `<ListMultipartUploadsResult>${entries.join('')}</ListMultipartUploadsResult>`
}

it('removes what killed workers left: on AWS each of them had a session of its own, of the same role', async () => {
  const role = (name: string, session: string): string =>
    `arn:aws:sts::123456789012:assumed-role/${name}/${session}`
  uploads = [
    { id: 'left', initiator: role('worker', 'task-1'), second: 1 },
    { id: 'of-others', initiator: role('copier', 'task-2'), second: 1 },
    { id: 'own', initiator: role('worker', 'task-2'), second: 2 },
    { id: 'later', initiator: role('worker', 'task-3'), second: 3 },
  ]
  await inUpload(bucket, KEY, {}, signal, () => Promise.resolve())
  expect([...aborted]).toEqual(['left'])
})

it('leaves what users began who are no roles', async () => {
  const user = (name: string): string => `arn:aws:iam::123456789012:user/${name}`
  uploads = [
    { id: 'left', initiator: user('worker'), second: 1 },
    { id: 'of-others', initiator: user('somebody'), second: 1 },
    { id: 'own', initiator: user('worker'), second: 2 },
  ]
  await inUpload(bucket, KEY, {}, signal, () => Promise.resolve())
  expect([...aborted]).toEqual(['left'])
})

const failed = (code: string): string =>
  `<?xml version="1.0"?>\n   <Error><Code>${code}</Code><Message>no</Message></Error>`
const end = (): Promise<void> =>
  completeUpload(bucket, KEY, 'own', [{ PartNumber: 1, ETag: '"p"' }], { IfNoneMatch: '*' }, signal)

it.each(['InternalError', 'SlowDown'])(
  'takes %s in an answer of status 200 for the error that it is',
  async (code) => {
    ends = Array.from({ length: 9 }, () => failed(code))
    await expect(end()).rejects.toMatchObject({ code: 'transient' })
  },
)

it('gets over one of them', async () => {
  ends = [failed('SlowDown')]
  await end()
})

it('takes an answer of status 200 without anything for no success', async () => {
  ends = Array.from({ length: 9 }, () => '')
  await expect(end()).rejects.toMatchObject({ code: 'transient' })
})
