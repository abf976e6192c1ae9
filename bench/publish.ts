import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { connect } from 'amqplib'
import pg from 'pg'
import { createLiveAdapters } from '../src/cli/live-adapters.js'
import { asDuckfleetError } from '../src/errors.js'
import { readFleetConfig } from '../src/fleet-config.js'
import type { FleetConfig, QueueNames } from '../src/fleet-config.js'
import type { PublishDeps, PublishOptions } from '../src/fleet/publish-tracker.js'
import { publishRoute } from '../src/fleet/publish.js'
import { failedQueue } from '../src/queue/rabbitmq/topology.js'
import type { Store } from '../src/store/port.js'

const TRACKERS = 10_000
const FILES = ['VolumeCases.duckdb', 'Rates.new.duckdb'] as const
const ROWS = [10_000, 100_000, 1_000_000] as const
const SAMPLE_MS = 50

const signal = new AbortController().signal
const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/**
 * Publishes to the RabbitMQ and from the Postgres of the environment (`RABBIT_URL`, `DATABASE_URL`), and prints messages a
 * second, and the memory for few rows and for many.
 */
async function main(): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'duckfleet-bench-'))
  const queue = `bench-${randomBytes(6).toString('hex')}`
  const fleet = readFleetConfig({ ...process.env, MIGRATE_SRC: folder, QUEUE_NAME: queue })
  if (fleet.database.kind !== 'url' || fleet.rabbit.kind !== 'url') {
    say('set DATABASE_URL and RABBIT_URL: this is for servers of your own')
    process.exitCode = 2
    return
  }
  const schema = await makeTable(fleet.database.url)
  try {
    await makeFiles(folder)
    await speed({ ...fleet, trackerQuery: `SELECT id, site FROM ${schema}.goal` })
    for (const rows of ROWS) await memory(fleet, rows)
  } finally {
    await deleteQueues(fleet.rabbit.url, fleet.queues)
    await runSql(fleet.database.url, `DROP SCHEMA ${schema} CASCADE`)
    await rm(folder, { recursive: true, force: true })
  }
}

async function speed(fleet: FleetConfig): Promise<void> {
  const adapters = createLiveAdapters()
  const broker = await adapters.openBroker(
    fleet,
    ({ message }) => {
      say(message)
    },
    signal,
  )
  const trackers = await adapters.openTrackers(fleet)
  const stores = await adapters.openStores(fleet)
  try {
    const any = { datastore: 'efs', key: 'any' } as const
    const begun = performance.now()
    const { queues } = await publishRoute(
      optionsOf(fleet),
      {
        trackers,
        source: stores.places(any, any).source.store,
        queues: {
          small: await broker.queue(fleet.queues.small, {}),
          big: await broker.queue(fleet.queues.big, {}),
        },
        onProblem: ({ message }) => {
          say(message)
        },
      },
      signal,
    )
    const seconds = (performance.now() - begun) / 1000
    const messages = queues.small.messages + queues.big.messages
    say(
      `${messages} messages confirmed in ${seconds.toFixed(1)} s: ${Math.round(messages / seconds)} a second`,
    )
  } finally {
    await Promise.all([trackers.close(), stores.close(), broker.close()])
  }
}

/** Real rows, and a listing and queues that only pretend. */
async function memory(fleet: FleetConfig, rows: number): Promise<void> {
  const trackerQuery = `SELECT g + 9324670152232788 AS id, g % 100 AS site FROM generate_series(1, ${rows}) AS g`
  const trackers = await createLiveAdapters().openTrackers({ ...fleet, trackerQuery })
  const take = { publish: (): Promise<void> => new Promise((resolve) => setImmediate(resolve)) }
  const deps: PublishDeps = {
    trackers,
    source: pretendedStore(),
    queues: { small: take, big: take },
    onProblem: ({ message }) => {
      say(message)
    },
  }
  let peak = 0
  const sample = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, SAMPLE_MS)
  const begun = performance.now()
  try {
    const summary = await publishRoute(optionsOf(fleet), deps, signal)
    const seconds = ((performance.now() - begun) / 1000).toFixed(1)
    say(
      `${summary.trackers} rows, ${summary.queues.small.messages} messages in ${seconds} s: at most ` +
        `${Math.round(peak / 1e6)} MB resident`,
    )
  } finally {
    clearInterval(sample)
    await trackers.close()
  }
}

function optionsOf(fleet: FleetConfig): PublishOptions {
  const { sourceBucket, destinationBucket, layout, bigFrom } = fleet
  return {
    route: 'efs-efs',
    sourceBucket,
    destinationBucket,
    layout,
    bigFrom,
    filter: { trackers: [], sites: [] },
  }
}

function pretendedStore(): Store {
  const unused = (): Promise<never> => Promise.reject(new Error('publishing does not do this'))
  return {
    atOnce: 0,
    describe: (key) => key,
    // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous
    async *list(prefix) {
      // The second folder of a tracker is not there, as usual.
      if (prefix.split('/').length < 3) return
      for (const name of FILES) yield { key: prefix + name, size: 1000, version: 'v1' }
    },
    stat: unused,
    assertUnchanged: unused,
    readHead: unused,
    download: unused,
    publish: unused,
    backup: unused,
  }
}

async function makeTable(url: string): Promise<string> {
  const schema = `bench_${randomBytes(6).toString('hex')}`
  await runSql(url, `CREATE SCHEMA ${schema}`)
  await runSql(
    url,
    `CREATE TABLE ${schema}.goal AS SELECT 100000 + g AS id, g % 100 AS site FROM generate_series(0, ${TRACKERS - 1}) AS g`,
  )
  return schema
}

async function deleteQueues(url: string, { small, big }: QueueNames): Promise<void> {
  const connection = await connect(url)
  const channel = await connection.createChannel()
  for (const name of [small, big]) {
    await channel.deleteQueue(name)
    await channel.deleteQueue(failedQueue(name))
  }
  await connection.close()
}

async function runSql(connectionString: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

async function makeFiles(root: string): Promise<void> {
  for (let tracker = 0; tracker < TRACKERS; tracker++) {
    const folder = path.join(root, String(tracker % 100), String(100_000 + tracker))
    await mkdir(folder, { recursive: true })
    for (const name of FILES) await writeFile(path.join(folder, name), 'x')
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${asDuckfleetError(error).message}\n`)
  process.exitCode = 1
})
