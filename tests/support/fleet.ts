import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cp, mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import type { JobReport } from '../../src/fleet/report.js'
import type { Route } from '../../src/fleet/route.js'
import { PROJECT } from './cli.js'
import type { CliResult } from './cli.js'
import { engineFolder } from './engines.js'
import { readFailed } from '../../src/queue/rabbitmq/failed-message.js'
import type { FailedLetter } from '../../src/queue/rabbitmq/failed-message.js'
import { failedQueue } from '../../src/queue/rabbitmq/topology.js'
import { enginesOf } from './processes.js'
import { connectTo, deleteQueues, familyOf, placesOf, sendRaw, takeAll, withChannel } from './rabbit.js'
import { createBucket } from './s3.js'
import type { TestBucket } from './s3.js'
import { services } from './services.js'

export interface TestTracker {
  readonly id: string
  readonly site: string
}

/** A consumer or publisher in a process of its own. */
export interface FleetProcess {
  readonly child: ChildProcess
  readonly ended: Promise<CliResult>
  /** What it has logged so far. */
  log(): readonly LogLine[]
  /** Everything that it has said so far, on stdout and stderr. */
  said(): string
  /** Resolves with the first line that matches; rejects when it ends before. */
  logged(matches: (line: LogLine) => boolean): Promise<LogLine>
}

export type LogLine = Partial<JobReport> & {
  readonly msg: string
  readonly level: number
  readonly job?: string
  readonly tracker?: string
  readonly attempt?: number
  readonly step?: string
  readonly ok?: boolean
  readonly port?: number
}

/** How a worker of a test runs. */
export interface ConsumeOptions {
  /** Seconds without a message after which it ends by itself; undefined: never. */
  readonly idleSeconds?: number | undefined
  /** Variables of its own. */
  readonly more?: Readonly<Record<string, string>>
  /** A program and its arguments that shall run node, such as a shell that mounts something first. */
  readonly wrapper?: readonly string[]
}

/**
 * A fleet of a test's own on the real services: queues, buckets, a table, EFS folders and work folders that nobody else
 * has, and the processes that work on them.
 */
export class TestFleet {
  readonly environment: Record<string, string>
  readonly queue = `test-${randomBytes(8).toString('hex')}`
  private readonly table = `goal_${randomBytes(8).toString('hex')}`
  private readonly processes: FleetProcess[] = []

  private constructor(
    readonly base: string,
    readonly source: TestBucket,
    readonly destination: TestBucket,
    readonly rabbitUrl: string,
  ) {
    const { s3, databaseUrl } = services()
    this.environment = {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      DUCKFLEET_ENGINES: engineFolder,
      RABBIT_URL: rabbitUrl,
      DATABASE_URL: databaseUrl,
      S3_ENDPOINT: s3.endpoint,
      AWS_REGION: s3.region,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      SOURCE_BUCKET: source.name,
      DESTINATION_BUCKET: destination.name,
      MIGRATE_SRC: join(base, 'src'),
      MIGRATE_DST: join(base, 'dst'),
      WORK_DIR: join(base, 'work'),
      QUEUE_NAME: this.queue,
      TRACKER_QUERY: `SELECT id, site FROM ${this.table}`,
      RETRY_BASE_SECONDS: '1',
      RETRY_MAX_SECONDS: '2',
    }
  }

  /** `rabbitUrl`: a broker of the test's own, that it may kill. */
  static async create(rabbitUrl = services().rabbitUrl): Promise<TestFleet> {
    const base = await realpath(await mkdtemp(join(tmpdir(), 'duckfleet-fleet-')))
    for (const folder of ['src', 'dst', 'work']) await mkdir(join(base, folder))
    const fleet = new TestFleet(base, await createBucket(), await createBucket(), rabbitUrl)
    await fleet.sql(`CREATE TABLE ${fleet.table} (id text, site text)`)
    return fleet
  }

  async dispose(): Promise<void> {
    for (const { child } of this.processes) child.kill('SIGKILL')
    await Promise.all(this.processes.map(({ ended }) => ended))
    // Engines end by themselves when their worker is gone, but not those that a test has frozen.
    for (const pid of this.processes.flatMap(({ child }) => enginesOf(child.pid ?? 0))) killGroup(pid)
    await this.sql(`DROP TABLE ${this.table}`)
    await deleteQueues(this.rabbitUrl, [...familyOf(this.queue), ...familyOf(`${this.queue}_big`)]).catch(
      () => undefined,
    )
    await this.source.dispose()
    await this.destination.dispose()
    await rm(this.base, { recursive: true, force: true })
  }

  path(...parts: string[]): string {
    return join(this.base, ...parts)
  }

  async addTrackers(trackers: readonly TestTracker[]): Promise<void> {
    const values = trackers.map(({ id, site }) => `('${id}', '${site}')`)
    await this.sql(`INSERT INTO ${this.table} VALUES ${values.join(', ')}`)
  }

  /** Puts a folder of files where a route reads them: `{site}/{tracker}/…` on EFS, as it is. */
  async addEfs(folder: string): Promise<void> {
    await cp(folder, this.path('src'), { recursive: true })
  }

  async publish(route: Route, args: readonly string[] = []): Promise<CliResult> {
    return await this.start(join('publishers', `migrate-duckdb-${route}.js`), args).ended
  }

  /** A worker that ends by itself when nothing came for a while. */
  consume(size: 'small' | 'big', options: ConsumeOptions = {}): FleetProcess {
    const { idleSeconds } = { idleSeconds: 2, ...options }
    const args = idleSeconds === undefined ? [] : ['--idle-exit', String(idleSeconds)]
    return this.start(join('consumers', `${size}.js`), args, options)
  }

  start(
    script: string,
    args: readonly string[],
    { more = {}, wrapper = [] }: Omit<ConsumeOptions, 'idleSeconds'> = {},
  ): FleetProcess {
    const [program = '', ...rest] = [...wrapper, process.execPath, join(PROJECT, 'dist', script), ...args]
    const child = spawn(program, rest, {
      env: { ...this.environment, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const running = watch(child)
    this.processes.push(running)
    return running
  }

  /** Messages that are ready, by queue; the queues that are not there have none. */
  async waiting(): Promise<Readonly<Record<string, number>>> {
    const counts: Record<string, number> = {}
    for (const name of [this.queue, `${this.queue}_big`].flatMap(placesOf)) {
      const count = await withChannel(
        this.rabbitUrl,
        async (channel) => (await channel.checkQueue(name)).messageCount,
      ).catch(() => 0)
      if (count > 0) counts[name] = count
    }
    return counts
  }

  /** Makes the queues as workers and publishers do, before there are any. */
  async declareQueues(): Promise<void> {
    const { broker } = await connectTo(this.rabbitUrl)
    for (const size of ['small', 'big'] as const) await broker.queue(this.queueOf(size))
    await broker.close()
  }

  /** Puts a message on a queue as anybody could: no headers and no id, unless they are given. */
  async send(
    size: 'small' | 'big',
    body: string | Buffer,
    options: Parameters<typeof sendRaw>[3] = {},
  ): Promise<void> {
    await sendRaw(this.rabbitUrl, this.queueOf(size), Buffer.from(body), options)
  }

  /** Takes the failed messages of a queue. */
  async takeFailed(size: 'small' | 'big'): Promise<FailedLetter[]> {
    return (await takeAll(this.rabbitUrl, failedQueue(this.queueOf(size)))).map(readFailed)
  }

  private queueOf(size: 'small' | 'big'): string {
    return size === 'small' ? this.queue : `${this.queue}_big`
  }

  /** Every process that was started so far. */
  get started(): readonly FleetProcess[] {
    return this.processes
  }

  /** Everything in the work folder, at any depth. */
  async leftovers(): Promise<readonly string[]> {
    return await readdir(this.path('work'), { recursive: true })
  }

  private async sql(statement: string): Promise<void> {
    const client = new Client({ connectionString: services().databaseUrl })
    await client.connect()
    try {
      await client.query(statement)
    } finally {
      await client.end()
    }
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has just ended.
  }
}

function watch(child: ChildProcess): FleetProcess {
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  }
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      resolve({ code, ...said })
    })
  })
  // Whoever waits for it is told; a worker that a test kills may have nobody waiting.
  ended.catch(() => undefined)
  const log = (): LogLine[] =>
    said.stderr
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as LogLine)
  const logged = (matches: (line: LogLine) => boolean): Promise<LogLine> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = log().find(matches)
        if (found) resolve(found)
      }
      child.stderr?.on('data', look)
      look()
      void ended.then(({ code }) => {
        look()
        reject(new Error(`ended with ${String(code)} before: ${said.stderr.slice(-2000)}`))
      }, reject)
    })
  return { child, ended, log, logged, said: () => said.stdout + said.stderr }
}

/** The last report of every file of some consumers, by destination. */
export function reportsOf(processes: readonly FleetProcess[]): ReadonlyMap<string, LogLine> {
  const reports = new Map<string, LogLine>()
  for (const line of processes.flatMap((running) => running.log()))
    if (line.outcome !== undefined && line.destination !== undefined) reports.set(line.destination, line)
  return reports
}
