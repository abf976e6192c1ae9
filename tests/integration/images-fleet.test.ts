import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { PROJECT } from '../support/cli.js'
import { createImage, type Image } from '../support/image.js'
import { deleteQueues, familyOf, someQueue } from '../support/rabbit.js'
import { createBucket, type TestBucket } from '../support/s3.js'
import { services } from '../support/services.js'

const run = promisify(execFile)
const { rabbitUrl, databaseUrl, s3 } = services()
const queue = someQueue()
const database = `images_${randomBytes(8).toString('hex')}`

let image: Image
let source: TestBucket
let destination: TestBucket
let env: Record<string, string>
beforeAll(async () => {
  image = await createImage()
  await image.fill()
  source = await createBucket()
  destination = await createBucket()
  await sql(`CREATE DATABASE ${database}`)
  env = {
    RABBIT_URL: rabbitUrl,
    DATABASE_URL: Object.assign(new URL(databaseUrl), { pathname: `/${database}` }).href,
    S3_ENDPOINT: s3.endpoint,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    SOURCE_BUCKET: source.name,
    DESTINATION_BUCKET: destination.name,
    QUEUE_NAME: queue,
  }
})
afterAll(async () => {
  await image.dispose()
  await source.dispose()
  await destination.dispose()
  await deleteQueues(rabbitUrl, [...familyOf(queue), ...familyOf(`${queue}_big`)])
  await sql(`DROP DATABASE ${database}`)
})

async function sql(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

/** Every key, and what is in it. */
async function digests(bucket: TestBucket): Promise<(readonly [key: string, digest: string])[]> {
  return await Promise.all(
    (await bucket.names()).map(async (key) => {
      const bytes = (await bucket.get(key)) ?? ''
      return [key, createHash('sha256').update(bytes).digest('hex')] as const
    }),
  )
}

const sample = async (variables: Readonly<Record<string, string>>): Promise<string> => {
  const program = path.join(PROJECT, 'dist', 'bench', 'sample-fleet.js')
  const { PATH = '' } = process.env
  return (await run(process.execPath, [program], { env: { PATH, ...variables } })).stdout
}

it('the sample trackers are published and upgraded by what the image holds', async () => {
  // Twice: nothing is wrong when it is there.
  for (const time of [1, 2])
    expect([time, await sample(env)]).toEqual([time, `5 files of 3 trackers are in ${source.name}\n`])
  const before = await digests(source)

  await image.node(['/app/dist/publishers/migrate-duckdb-s3-s3.js'], { env })
  await image.node(['/app/dist/consumers/small.js', '--idle-exit', '2'], { env })

  expect(await destination.names()).toEqual([
    '56/325929995912186/DistributionNewPODs-325929995912186.duckdb',
    '56/325929995912186/DistributionNewPODs-325929995912186.new.duckdb',
    '56/9324670152232788/VolumeCases-9324670152232788.duckdb',
    '56/9324670152232788/VolumeCases-9324670152232788.new.duckdb',
    '71/600700800900100/VolumeCases-600700800900100.duckdb',
  ])
  expect(before).toHaveLength(5)
  expect(await digests(source)).toEqual(before)
  expect(await readdir(image.work)).toEqual([])
})

it.each(['S3_ENDPOINT', 'DATABASE_URL'])(
  'sample data need a %s, so that they never reach AWS',
  async (name) => {
    await expect(sample({ ...env, [name]: '' })).rejects.toThrow('set S3_ENDPOINT and DATABASE_URL')
  },
)
