import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { createLiveAdapters } from '../../src/cli/live-adapters.js'
import { createProgram, runProgram } from '../../src/cli/program.js'
import { readConfig } from '../../src/config.js'
import { createLog } from '../../src/log.js'
import type { Tracker } from '../../src/tracker/port.js'
import { deleteQueues, familyOf, someQueue, takeAll } from './rabbit.js'
import { createBucket } from './s3.js'
import type { TestBucket } from './s3.js'
import { services } from './services.js'

interface Ran {
  readonly status: number
  readonly out: readonly string[]
  readonly err: readonly string[]
}

/** An environment of a test's own on the real services: database, bucket, folder and queues. */
export interface PublishGround {
  /** Root of the EFS sources. */
  readonly folder: string
  readonly bucket: TestBucket
  readonly queue: string
  readonly environment: Readonly<Record<string, string>>
  /** Puts rows into the table `goal`. */
  goals(trackers: readonly Tracker[]): Promise<void>
  /** Writes a file below the root of the sources. */
  put(key: string, bytes: Uint8Array): Promise<void>
  /** Runs `duckfleet …` in this process with the environment and these changes to it; `onOut` is told of every line. */
  run(
    args: readonly string[],
    change?: Readonly<Record<string, string>>,
    onOut?: (lines: number) => void,
  ): Promise<Ran>
  /** Takes all messages out of the queue for files of this size. */
  taken(size: 'small' | 'big'): ReturnType<typeof takeAll>
  dispose(): Promise<void>
}

export async function createGround(rabbitUrl = services().rabbitUrl): Promise<PublishGround> {
  const name = `duckfleet_${randomBytes(6).toString('hex')}`
  const server = new pg.Client({ connectionString: services().databaseUrl })
  await server.connect()
  await server.query(`CREATE DATABASE ${name}`)
  const databaseUrl = new URL(services().databaseUrl)
  databaseUrl.pathname = `/${name}`
  const database = new pg.Client({ connectionString: databaseUrl.href })
  await database.connect()
  await database.query('CREATE TABLE goal (id text, site text)')
  const bucket = await createBucket()
  const base = await mkdtemp(path.join(tmpdir(), 'duckfleet-publish-'))
  const folder = path.join(base, 'src')
  await mkdir(folder)
  const queue = someQueue()
  const environment = {
    DATABASE_URL: databaseUrl.href,
    RABBIT_URL: rabbitUrl,
    S3_ENDPOINT: services().s3.endpoint,
    SOURCE_BUCKET: bucket.name,
    DESTINATION_BUCKET: bucket.name,
    MIGRATE_SRC: folder,
    MIGRATE_DST: path.join(base, 'dst'),
    QUEUE_NAME: queue,
    BIG_FROM: '1000',
  }
  return {
    folder,
    bucket,
    queue,
    environment,
    async goals(trackers) {
      await database.query('INSERT INTO goal SELECT * FROM unnest($1::text[], $2::text[])', [
        trackers.map(({ id }) => id),
        trackers.map(({ site }) => site),
      ])
    },
    async put(key, bytes) {
      await mkdir(path.dirname(path.join(folder, key)), { recursive: true })
      await writeFile(path.join(folder, key), bytes)
    },
    run: (args, change = {}, onOut = (): void => undefined) =>
      duckfleet(args, { ...environment, ...change }, onOut),
    taken: (size) => takeAll(rabbitUrl, size === 'big' ? `${queue}_big` : queue),
    async dispose() {
      await deleteQueues(rabbitUrl, [...familyOf(queue), ...familyOf(`${queue}_big`)]).catch(() => undefined)
      await bucket.dispose()
      await database.end()
      await server.query(`DROP DATABASE ${name} WITH (FORCE)`)
      await server.end()
      await rm(base, { recursive: true, force: true })
    },
  }
}

async function duckfleet(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  onOut: (lines: number) => void,
): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []]
  let asked = 0
  const context = {
    io: {
      out: (line: string) => {
        onOut(out.push(line))
      },
      err: (line: string) => err.push(line),
      isTTY: false,
    },
    signal: new AbortController().signal,
    setExitCode: (code: number) => {
      asked = code
    },
  }
  const program = createProgram(context, {
    config: readConfig(environment),
    version: '0.0.0',
    log: createLog('silent'),
    createUpgrader: () => {
      throw new Error('publishing upgrades nothing')
    },
    adapters: createLiveAdapters(),
  })
  const status = await runProgram(program, args, context)
  return { status: status === 0 ? asked : status, out, err }
}
