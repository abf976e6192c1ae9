import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import type { S3Client } from '@aws-sdk/client-s3'
import { connect } from 'amqplib'
import { Command } from 'commander'
import pg from 'pg'
import { duckdbFiles } from '../src/cli/duckdb-files.js'
import { asDuckfleetError, DuckfleetError } from '../src/errors.js'
import { createS3Client } from '../src/store/s3/client.js'
import { createS3Store } from '../src/store/s3/store.js'
import { median } from './measure.js'
import { CLI, bundledArchive } from './project.js'
import { unpackArchive } from './unpack.js'

const WORKERS = 2
/** How many copies of how many trackers, and how often. */
interface Flags {
  readonly trackers: string
  readonly runs: string
}

/**
 * `node dist/bench/fleet.js`: small trackers through RabbitMQ and S3 with two workers, against `duckfleet upgrade --jobs 2` on
 * the same files. Both include the start of their processes.
 */
async function main(signal: AbortSignal): Promise<void> {
  const flags = new Command('fleet')
    .description(
      'measure a fleet against one command; RABBIT_URL, DATABASE_URL, S3_ENDPOINT name the servers',
    )
    .option('--trackers <n>', 'how many small files', '200')
    .option('--runs <n>', 'how often each way is measured', '3')
    .parse()
    .opts<Flags>()
  const folder = await mkdtemp(path.join(os.tmpdir(), 'duckfleet-bench-'))
  try {
    const files = await prepare(path.join(folder, 'src'), Number(flags.trackers), signal)
    const alone: number[] = []
    const fleet: number[] = []
    for (let run = 1; run <= Number(flags.runs); run++) {
      alone.push(await runAlone(folder))
      fleet.push(await runFleet(folder, files))
      say(`run ${run}: one command ${alone.at(-1)?.toFixed(1)} s, fleet ${fleet.at(-1)?.toFixed(1)} s`)
    }
    const [one, many] = [median(alone), median(fleet)]
    say(
      `${files.length} files: one command ${one.toFixed(1)} s, fleet ${many.toFixed(1)} s: ${(many / one).toFixed(2)} x`,
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Copies of the bundled trackers, each in a folder of its own: `{site}/{tracker}/{file}`. */
async function prepare(folder: string, copies: number, signal: AbortSignal): Promise<readonly string[]> {
  const whole = `${folder}.unpacked`
  await unpackArchive(bundledArchive('trackers'), whole, signal)
  const samples = await duckdbFiles(whole)
  const files: string[] = []
  for (let copy = 0; copy < copies; copy++) {
    const sample = samples[copy % samples.length] ?? ''
    const file = path.join(folder, '1', String(copy), path.basename(sample))
    await mkdir(path.dirname(file), { recursive: true })
    await copyFile(sample, file)
    files.push(file)
  }
  await rm(whole, { recursive: true })
  return files
}

async function runAlone(folder: string): Promise<number> {
  const out = path.join(folder, 'out')
  const start = Date.now()
  await run([CLI, 'upgrade', path.join(folder, 'src'), out, '--jobs', String(WORKERS), '--json'], process.env)
  const seconds = (Date.now() - start) / 1000
  await rm(out, { recursive: true })
  return seconds
}

/** Seconds from the start of the workers to the end of the last job. */
async function runFleet(folder: string, files: readonly string[]): Promise<number> {
  const mark = `bench-${randomBytes(6).toString('hex')}`
  const table = mark.replace('-', '_')
  const { S3_ENDPOINT: endpoint, DATABASE_URL: database, RABBIT_URL: rabbit } = process.env
  if (!endpoint || !database || !rabbit)
    throw new DuckfleetError('usage', 'set RABBIT_URL, DATABASE_URL and S3_ENDPOINT to servers of your own')
  const client = createS3Client({ endpoint })
  const env = {
    ...process.env,
    SOURCE_BUCKET: mark,
    DESTINATION_BUCKET: mark,
    QUEUE_NAME: mark,
    TRACKER_QUERY: `SELECT id, 1 AS site FROM ${table}`,
    WORK_DIR: path.join(folder, 'work'),
  }
  await client.send(new CreateBucketCommand({ Bucket: mark }))
  await sql(database, `CREATE TABLE ${table} AS SELECT id FROM generate_series(0, ${files.length - 1}) AS id`)
  try {
    for (const [tracker, file] of files.entries()) {
      const Key = `tracker-migration/${tracker}/${path.basename(file)}`
      await client.send(new PutObjectCommand({ Bucket: mark, Key, Body: await readFile(file) }))
    }
    await run([CLI, 'publish', 's3-s3'], env)
    const start = Date.now()
    const consume = [CLI, 'consume', 'small', '--idle-exit', '3']
    const logs = await Promise.all(Array.from({ length: WORKERS }, () => run(consume, env)))
    const ended = logs.flatMap((log) => log.split('\n')).flatMap(endOfJob)
    const migrated = ended.filter(({ outcome }) => outcome === 'migrated')
    if (migrated.length !== files.length)
      throw new DuckfleetError('engine', `only ${migrated.length} of ${files.length} files were migrated`)
    return (Math.max(...ended.map(({ time }) => time)) - start) / 1000
  } finally {
    await clear(client, mark, endpoint)
    await sql(database, `DROP TABLE ${table}`)
    await deleteQueues(rabbit, [mark, `${mark}_big`])
    client.destroy()
  }
}

function endOfJob(line: string): { readonly outcome: string; readonly time: number }[] {
  if (!line.includes('"outcome"')) return []
  return [JSON.parse(line) as { outcome: string; time: number }]
}

/** Gives what the program wrote to stderr. */
async function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code === 0) return said
  throw new DuckfleetError(
    'engine',
    `${args.slice(1).join(' ')} ended with ${String(code)}: ${said.slice(-2000)}`,
  )
}

async function sql(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

async function clear(client: S3Client, bucket: string, endpoint: string): Promise<void> {
  const store = createS3Store({ client, bucket, endpoint })
  for await (const { key } of store.list('', AbortSignal.timeout(60_000)))
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }))
  await client.send(new DeleteBucketCommand({ Bucket: bucket }))
}

async function deleteQueues(url: string, names: readonly string[]): Promise<void> {
  const model = await connect(url)
  const channel = await model.createChannel()
  for (const name of names) for (const queue of [name, `${name}.failed`]) await channel.deleteQueue(queue)
  await model.close()
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

const stop = new AbortController()
process.once('SIGINT', () => {
  stop.abort()
})
try {
  await main(stop.signal)
} catch (error) {
  process.stderr.write(`fleet: ${asDuckfleetError(error).message}\n`)
  process.exitCode = 1
}
