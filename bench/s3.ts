import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  PutObjectAclCommand,
} from '@aws-sdk/client-s3'
import { Command } from 'commander'
import { asDuckfleetError, DuckfleetError } from '../src/errors.js'
import { createS3Client } from '../src/store/s3/client.js'
import { createS3Store } from '../src/store/s3/store.js'
import { median } from './measure.js'
import { takeMemory } from './memory.js'

interface Flags {
  readonly runs: string
  readonly mib: string
}

interface Seconds {
  readonly curlUp: number[]
  readonly checkedUp: number[]
  readonly oursUp: number[]
  readonly curlDown: number[]
  readonly oursDown: number[]
}

const MIB = 1024 * 1024
const OURS = 'ours'
const THEIRS = 'curl'
const CHECKED = 'curl-checked'

/**
 * `node dist/bench/s3.js`: an object moved by the S3 store and by curl, one after the other on the same server.
 *
 * curl moves it without a signature, from and to a bucket that everybody may write to for so long: neither it nor the
 * server computes a SHA-256. For uploads it is measured a second time doing what the store does, with the least that this
 * takes: the file's SHA-256 is computed, and signed, and the server refuses other bytes.
 */
async function main(signal: AbortSignal): Promise<void> {
  const flags = new Command('s3')
    .description('measure downloads and uploads against curl; S3_ENDPOINT and AWS_* name the server')
    .option('--runs <n>', 'how often each way is measured', '4')
    .option('--mib <n>', 'size of the object in MiB', '1024')
    .parse()
    .opts<Flags>()
  const endpoint = process.env['S3_ENDPOINT']
  if (endpoint === undefined)
    throw new DuckfleetError('usage', 'S3_ENDPOINT is not set; give the server to measure with')
  const folder = await mkdtemp(path.join(os.tmpdir(), 'duckfleet-bench-'))
  const client = createS3Client({ endpoint })
  const bucket = `bench-${randomBytes(8).toString('hex')}`
  await client.send(new CreateBucketCommand({ Bucket: bucket, ACL: 'public-read-write' }))
  try {
    const file = path.join(folder, 'file')
    await writeRandom(file, Number(flags.mib))
    const digest = await digestOf(file)
    const seconds: Seconds = { curlUp: [], checkedUp: [], oursUp: [], curlDown: [], oursDown: [] }
    for (let run = 0; run < Number(flags.runs); run++) {
      const store = createS3Store({ client, bucket, endpoint })
      const url = `${endpoint}/${bucket}/${THEIRS}`
      const checkedUrl = `${endpoint}/${bucket}/${CHECKED}`
      const { file: before } = await store.stat(OURS, signal)
      const options = { metadata: {}, ...(before === undefined ? {} : { replaces: before }) }
      const up = [
        [seconds.curlUp, () => curl(['-T', file, url], signal)],
        [seconds.checkedUp, () => checkedUpload(file, checkedUrl, signal)],
        [seconds.oursUp, () => store.publish(file, OURS, options, signal)],
      ] as const
      for (const [list, move] of inTurn(up, run)) {
        await takeMemory(Math.ceil(Number(flags.mib) / 512), signal)
        list.push(await timed(move))
      }

      await client.send(new PutObjectAclCommand({ Bucket: bucket, Key: THEIRS, ACL: 'public-read' }))
      const { file: found } = await store.stat(OURS, signal)
      if (found === undefined) throw new DuckfleetError('engine', 'the object is not there')
      const copy = path.join(folder, 'copy')
      const down = [
        [seconds.curlDown, () => curl(['-o', copy, url], signal)],
        [seconds.oursDown, () => store.download(OURS, found, copy, {}, signal)],
      ] as const
      for (const [list, move] of inTurn(down, run)) {
        await takeMemory(Math.ceil(Number(flags.mib) / 512), signal)
        list.push(await timed(move))
        if ((await digestOf(copy)) !== digest)
          throw new DuckfleetError('difference', 'the copy differs from the file')
        await rm(copy)
      }
    }
    report(seconds, Number(flags.mib))
  } finally {
    for (const Key of [OURS, THEIRS, CHECKED])
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }))
    await client.send(new DeleteBucketCommand({ Bucket: bucket }))
    client.destroy()
    await rm(folder, { recursive: true, force: true })
  }
}

function report({ curlUp, checkedUp, oursUp, curlDown, oursDown }: Seconds, mib: number): void {
  for (const [way, theirs, ours] of [
    ['upload: curl', curlUp, oursUp],
    ['upload: curl with a digest', checkedUp, oursUp],
    ['download: curl', curlDown, oursDown],
  ] as const) {
    const [their, our] = [median(theirs), median(ours)]
    const speed = (seconds: number): string => `${(mib / seconds).toFixed(0)} MiB/s (${seconds.toFixed(2)} s)`
    print(`${way} ${speed(their)}, duckfleet ${speed(our)}, ${(their / our).toFixed(2)} of that`)
  }
}

/** The server compares the digest with what arrives. The credentials go through a file that nobody else sees. */
async function checkedUpload(file: string, url: string, signal: AbortSignal): Promise<void> {
  const digest = await digestOf(file)
  const { AWS_ACCESS_KEY_ID: id = '', AWS_SECRET_ACCESS_KEY: secret = '' } = process.env
  const sign = ['--aws-sigv4', 'aws:amz:us-east-1:s3', '-H', `x-amz-content-sha256: ${digest}`]
  await curl([...sign, '-K', '-', '-T', file, url], signal, `user = "${id}:${secret}"`)
}

/** Who goes first changes: the server and the disk are still busy with what came before. */
function inTurn<T>(ways: readonly T[], run: number): readonly T[] {
  return run % 2 === 0 ? ways : [...ways].reverse()
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await run()
  return (performance.now() - start) / 1000
}

async function curl(args: readonly string[], signal: AbortSignal, input = ''): Promise<void> {
  const child = spawn('curl', ['-sS', '--fail', ...args], { signal, stdio: ['pipe', 'ignore', 'inherit'] })
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new DuckfleetError('engine', `curl ended with ${code ?? 'a signal'}`)
}

async function writeRandom(file: string, mib: number): Promise<void> {
  const handle = await open(file, 'wx')
  try {
    for (let i = 0; i < mib; i++) await handle.write(randomBytes(MIB))
  } finally {
    await handle.close()
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: MIB }), hash)
  return hash.digest('hex')
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stop.abort()
  })
}
try {
  await main(stop.signal)
} catch (error) {
  process.stderr.write(`s3: ${asDuckfleetError(error).message}\n`)
  process.exitCode = 1
}
