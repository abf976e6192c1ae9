import { cp, mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { CreateBucketCommand, PutObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3'
import pg from 'pg'
import { DuckfleetError, asDuckfleetError } from '../src/errors.js'
import { type FleetConfig, readFleetConfig } from '../src/fleet-config.js'
import { bundledArchive } from './project.js'
import { unpackArchive } from './unpack.js'

/** One of the bundled files: `{site}/{tracker}/{file}` below `root`. */
interface Sample {
  readonly root: string
  readonly site: string
  readonly tracker: string
  readonly file: string
}

const TIMEOUT_MS = 120_000

/**
 * Makes what a fleet of one machine needs for a first try: buckets, the table `goal`, and the bundled trackers in the
 * source bucket and, where `MIGRATE_SRC` is set, below it. Doing it again changes nothing.
 */
async function main(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const config = readFleetConfig(env)
  const { s3Endpoint, database } = config
  // This writes: never by mistake into a bucket of AWS or into the database of an environment.
  if (s3Endpoint === undefined || database.kind !== 'url')
    throw new DuckfleetError(
      'usage',
      'set S3_ENDPOINT and DATABASE_URL: sample data are for servers of your own',
    )
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const folder = await mkdtemp(path.join(tmpdir(), 'duckfleet-sample-'))
  try {
    await unpackArchive(bundledArchive('trackers'), folder, signal)
    const samples = await listSamples(folder)
    await fillTable(database.url, samples)
    await fillBuckets({ ...config, s3Endpoint }, samples, signal)
    const roots = env['MIGRATE_SRC'] ? await fillFolders(config, samples) : []
    const places = [config.sourceBucket, ...roots].join(' and ')
    process.stdout.write(
      `${samples.length} files of ${trackersOf(samples).length} trackers are in ${places}\n`,
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function listSamples(folder: string): Promise<Sample[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.duckdb')).sort()
  return names.map((name) => {
    const [file = '', tracker = '', site = '', ...root] = name.split(path.sep).reverse()
    return { root: path.join(folder, ...root.reverse()), site, tracker, file }
  })
}

/** Each once. */
function trackersOf(samples: readonly Sample[]): { tracker: string; site: string }[] {
  return [...new Map(samples.map(({ tracker, site }) => [tracker, { tracker, site }])).values()]
}

async function fillTable(connectionString: string, samples: readonly Sample[]): Promise<void> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000, query_timeout: 30_000 })
  await client.connect()
  try {
    await client.query('CREATE TABLE IF NOT EXISTS goal (id bigint PRIMARY KEY, site integer NOT NULL)')
    for (const { tracker, site } of trackersOf(samples))
      await client.query('INSERT INTO goal VALUES ($1, $2) ON CONFLICT DO NOTHING', [tracker, site])
  } finally {
    await client.end()
  }
}

async function fillBuckets(
  config: FleetConfig & { readonly s3Endpoint: string },
  samples: readonly Sample[],
  abortSignal: AbortSignal,
): Promise<void> {
  const s3 = new S3Client({
    endpoint: config.s3Endpoint,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  try {
    for (const Bucket of new Set([config.sourceBucket, config.destinationBucket]))
      await s3.send(new CreateBucketCommand({ Bucket }), { abortSignal }).catch(unlessThere)
    for (const { root, site, tracker, file } of samples) {
      const Key = config.layout.s3Prefix.replaceAll('{site}', site).replaceAll('{tracker}', tracker) + file
      const Body = await readFile(path.join(root, site, tracker, file))
      await s3.send(new PutObjectCommand({ Bucket: config.sourceBucket, Key, Body }), { abortSignal })
    }
  } finally {
    s3.destroy()
  }
}

function unlessThere(error: unknown): void {
  const known = error instanceof S3ServiceException && error.name === 'BucketAlreadyOwnedByYou'
  if (!known) throw error
}

async function fillFolders(
  { migrateSrc, migrateDst }: FleetConfig,
  samples: readonly Sample[],
): Promise<string[]> {
  for (const { root, site, tracker, file } of samples) {
    await mkdir(path.join(migrateSrc, site, tracker), { recursive: true })
    await cp(path.join(root, site, tracker, file), path.join(migrateSrc, site, tracker, file))
  }
  await mkdir(migrateDst, { recursive: true })
  return [migrateSrc]
}

try {
  await main(process.env)
} catch (error) {
  process.stderr.write(`sample-fleet: ${asDuckfleetError(error).message}\n`)
  process.exitCode = 1
}
