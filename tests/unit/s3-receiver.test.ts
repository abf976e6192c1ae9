import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { S3Client } from '@aws-sdk/client-s3'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { S3_LIMITS } from '../../src/store/s3/bucket.js'
import type { Bucket } from '../../src/store/s3/bucket.js'
import { createS3Client } from '../../src/store/s3/client.js'
import { getRange } from '../../src/store/s3/range.js'
import { openReceiver } from '../../src/store/s3/receiver.js'
import type { Receiver } from '../../src/store/s3/receiver.js'

/*
 * A server that answers as the real one of the integration tests does not, and disks that it does not have.
 */

const OBJECT = randomBytes(3_000_000)
const object = { key: 'k', size: OBJECT.length, version: 'e' }

let folder: string
let server: Server
let client: S3Client
let receiver: Receiver
let answer: (response: ServerResponse, from: number, to: number) => void

beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'a')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b')
  folder = await mkdtemp(join(tmpdir(), 'duckfleet-receiver-'))
  answer = (response, from, to) => {
    begin(response, from, to).end(OBJECT.subarray(from, to))
  }
  server = createServer(({ headers }, response) => {
    const [from = 0, last = 0] = (headers.range ?? '').replace('bytes=', '').split('-').map(Number)
    answer(response, from, last + 1)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  client = createS3Client({ endpoint: endpoint() })
  const opened = openReceiver(client)
  if (!opened) throw new Error('no receiver')
  receiver = opened
})
afterEach(async () => {
  await receiver.close()
  client.destroy()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true })
  vi.unstubAllEnvs()
})

function endpoint(): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function begin(response: ServerResponse, from: number, to: number): ServerResponse {
  return response.writeHead(206, {
    etag: '"e"',
    'content-range': `bytes ${from}-${to - 1}/${OBJECT.length}`,
    'content-length': to - from,
  })
}

function receive(
  path: string,
  { from, to }: { readonly from: number; readonly to: number },
  signal = new AbortController().signal,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<void> {
  const bucket: Bucket = { client, name: 'b', endpoint: endpoint(), limits: S3_LIMITS }
  return getRange(bucket, object, { from, to }, { receiver, path, onBytes }, signal)
}

it('receives ranges into their places in a file, and tells how much', async () => {
  const file = join(folder, 'f')
  await writeFile(file, Buffer.alloc(OBJECT.length))
  let bytes = 0
  const ranges = [
    { from: 2_000_000, to: 3_000_000 },
    { from: 0, to: 2_000_000 },
  ]
  await Promise.all(ranges.map((range) => receive(file, range, undefined, (more) => (bytes += more))))
  expect((await readFile(file)).equals(OBJECT)).toBe(true)
  expect(bytes).toBe(OBJECT.length)
})

it('says that the disk is full, and does not try again', async () => {
  let requests = 0
  const usual = answer
  answer = (...asked) => {
    requests++
    usual(...asked)
  }
  await expect(receive('/dev/full', { from: 0, to: 10 })).rejects.toMatchObject({
    code: 'no-space',
    message: 'cannot write /dev/full: there is no space left; free some, or use a bigger disk',
  })
  expect(requests).toBe(1)
})

it('says that its file is gone', async () => {
  const file = join(folder, 'gone')
  await expect(receive(file, { from: 0, to: 10 })).rejects.toMatchObject({ code: 'usage' })
})

it('stops at once when it is told to, in an answer that does not end', async () => {
  const file = join(folder, 'f')
  await writeFile(file, '')
  const controller = new AbortController()
  answer = (response, from, to) => {
    begin(response, from, to).write(OBJECT.subarray(from, from + 100))
    setTimeout(() => {
      controller.abort()
    }, 100)
  }
  await expect(receive(file, { from: 0, to: 2_000_000 }, controller.signal)).rejects.toMatchObject({
    code: 'aborted',
  })
})

it('rejects what it is at when it is closed, and whatever comes after', async () => {
  const file = join(folder, 'f')
  await writeFile(file, '')
  answer = (response, from, to) => {
    begin(response, from, to).write(OBJECT.subarray(from, from + 100))
    setTimeout(() => void receiver.close(), 100)
  }
  const ended = { code: 'transient', message: expect.stringContaining('thread') as string }
  await expect(receive(file, { from: 0, to: 2_000_000 })).rejects.toMatchObject(ended)
  await expect(receive(file, { from: 0, to: 10 })).rejects.toMatchObject(ended)
})
