import { mkdir, symlink } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CLEAN, audit } from '../support/chaos-audit.js'
import { load } from '../support/chaos-cargo.js'
import type { Cargo } from '../support/chaos-cargo.js'
import { TestFleet } from '../support/fleet.js'
import type { FleetProcess } from '../support/fleet.js'
import type { FailedLetter } from '../../src/queue/rabbitmq/failed-message.js'

type Fields = Readonly<Record<string, unknown>>

/** What is wrong with a message, its bytes, and what its error says. */
type Malformed = readonly [what: string, body: string | Buffer, error: RegExp]

/** A good message with some of its fields changed; undefined leaves one out. */
const s3 = (change: Fields): string =>
  JSON.stringify({
    source_datastore: 's3',
    destination_datastore: 's3',
    source_bucket: fleet.source.name,
    destination_bucket: fleet.destination.name,
    'tracker-id': '9324670152232788',
    source_key: 'tracker-migration/missing/missing.duckdb',
    dest_key: '56/missing/missing.duckdb',
    ...change,
  })
const efs = (key: unknown): string =>
  JSON.stringify({ source_datastore: 'efs', destination_datastore: 'efs', key })

const MALFORMED = (): readonly Malformed[] => [
  ['nothing', '', /not JSON/],
  ['no JSON', 'VolumeCases-9324670152232788.duckdb', /not JSON/],
  ['half of a JSON object', s3({}).slice(0, -20), /not JSON/],
  ['two JSON objects', s3({}) + s3({}), /not JSON/],
  ['null', 'null', /body: /],
  ['a list', '[]', /body: /],
  ['a number', '42', /body: /],
  ['an empty object', '{}', /source_datastore: .*destination_datastore: /],
  ['an unknown datastore', s3({ source_datastore: 'ftp' }), /source_datastore: /],
  ['no datastore', s3({ destination_datastore: undefined }), /destination_datastore: /],
  ['a number as a tracker', s3({ 'tracker-id': 9324670152232788 }), /tracker-id: /],
  ['another spelling of a field', s3({ 'tracker-id': undefined, tracker_id: '1' }), /tracker-id: /],
  ['an empty tracker', s3({ 'tracker-id': '' }), /tracker-id: is empty/],
  ['no key', s3({ source_key: undefined }), /source_key: /],
  ['an empty key', s3({ source_key: '' }), /source_key: is empty/],
  ['a list as a key', s3({ dest_key: ['56', 'a.duckdb'] }), /dest_key: /],
  ['null as a key', s3({ dest_key: null }), /dest_key: /],
  ['no bucket', s3({ source_bucket: undefined }), /source_bucket: /],
  ['an empty bucket', s3({ destination_bucket: '' }), /destination_bucket: is no bucket name/],
  ['a path as a bucket', s3({ source_bucket: '../etc' }), /source_bucket: is no bucket name/],
  ['all of it wrong', s3({ source_key: 1, dest_key: 2 }), /source_key: .*; dest_key: /],
  ['../ in a key', efs('../outside.duckdb'), /key: holds '\.\.'/],
  ['../ inside a key', efs('56/1/../../../outside.duckdb'), /key: holds '\.\.'/],
  ['../ in a key of S3', s3({ dest_key: '56/../../a.duckdb' }), /dest_key: holds '\.\.'/],
  ['an absolute key', efs('/etc/passwd'), /key: is an absolute path/],
  ['a key with NUL', efs('56/1/a.duckdb\0.txt'), /key: holds a NUL/],
  ['a folder as a key', efs('56/1/'), /key: names a folder/],
  ['a key of 5,000 bytes', efs('x'.repeat(5000)), /key: is longer than 4096/],
  ['a body of 2 MB', s3({ padding: 'x'.repeat(2_000_000) }), /the message has \d+ bytes; at most 1048576/],
  ['no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), /not UTF-8/],
  ['half of a UTF-8 character', Buffer.from('{"key":"ü"}').subarray(0, 9), /not UTF-8/],
  ['a bucket that does not exist', s3({ source_bucket: 'duckfleet-no-such-bucket' }), /no-such-bucket/],
  ['a file that does not exist', s3({}), /there is no file s3:.*missing\.duckdb/],
  ['a file that does not exist on EFS', efs('56/1/missing.duckdb'), /there is no file .*missing\.duckdb/],
  ['a folder where a file should be', efs('56/folder'), /56\/folder/],
  ['a link out of the root', efs('56/outside/passwd'), /56\/outside/],
]

let fleet: TestFleet
let worker: FleetProcess
let good: Cargo[]
let failed: FailedLetter[]
beforeAll(async () => {
  fleet = await TestFleet.create()
  await fleet.declareQueues()
  await mkdir(fleet.path('src', '56', 'folder'), { recursive: true })
  await symlink('/etc', fleet.path('src', '56', 'outside'))
  good = await load(fleet, 's3-s3', ['last'])
  for (const [, body] of MALFORMED()) await fleet.send('small', body)
  for (const { body } of good) await fleet.send('small', body)
  worker = fleet.consume('small', { idleSeconds: 3 })
  await worker.ended
  failed = await fleet.takeFailed('small')
})
afterAll(async () => {
  await fleet.dispose()
})

describe('a message that nobody can work on', () => {
  it('goes to the failed ones with its body and its reason, each of the table', () => {
    const wanted = MALFORMED().map(([what, body, error]) => ({
      what,
      body: Buffer.from(body).toString(),
      error,
    }))
    for (const { what, body, error } of wanted) {
      const found = failed.filter((letter) => letter.body === body)
      expect([what, found.length, found[0]?.reason, found[0]?.attempts]).toEqual([what, 1, 'usage', 1])
      expect(found[0]?.error, what).toMatch(error)
    }
    expect(failed).toHaveLength(wanted.length)
  })

  it('does not keep the worker from the next one, and leaves nothing anywhere', async () => {
    expect((await worker.ended).code).toBe(0)
    expect(await audit(fleet, good)).toEqual(CLEAN)
  })

  it('is not told apart by what is nobody’s business: other fields, their order, spaces', async () => {
    const [first, second, third] = await load(fleet, 's3-s3', ['extra', 'order', 'spaces'])
    const fields = (cargo: Cargo | undefined): Fields => JSON.parse(cargo?.body ?? '{}') as Fields
    await fleet.send('small', JSON.stringify({ ...fields(first), priority: 5, nested: { a: [1] } }))
    await fleet.send('small', JSON.stringify(Object.fromEntries(Object.entries(fields(second)).reverse())))
    await fleet.send('small', JSON.stringify(fields(third), null, 4))
    expect((await fleet.consume('small').ended).code).toBe(0)
    expect(await fleet.takeFailed('small')).toEqual([])
    const cargo = [first, second, third].filter((one) => one !== undefined)
    expect(await audit(fleet, [...good, ...cargo])).toEqual(CLEAN)
  })
})

it('a message of the earlier system, as it was recorded, is worked on', async () => {
  // No headers, no message id, not persistent, and of a content type of its own; from and to the buckets of this test.
  const key = '9324670152232788/VolumeCases-9324670152232788.duckdb'
  const [sample] = await load(fleet, 's3-s3', ['recorded'])
  if (sample === undefined) throw new Error('there is no sample')
  await fleet.source.put(`tracker-migration/${key}`, sample.sample.bytes)
  const recorded =
    '{"source_datastore":"s3","destination_datastore":"s3","source_bucket":"perform-dev-raw","destination_bucket":"perform-dev-atomicduck","tracker-id":"9324670152232788","source_key":"tracker-migration/9324670152232788/VolumeCases-9324670152232788.duckdb","dest_key":"56/9324670152232788/VolumeCases-9324670152232788.duckdb"}'
  const body = recorded
    .replace('perform-dev-raw', fleet.source.name)
    .replace('perform-dev-atomicduck', fleet.destination.name)
  await fleet.send('small', body, { contentType: 'application/json', persistent: false })
  await fleet.send('small', body.replaceAll(':', ': ').replaceAll('",', '", '))
  const again = fleet.consume('small')
  expect((await again.ended).code).toBe(0)
  const outcomes = again.log().filter(({ outcome }) => outcome !== undefined)
  expect(outcomes.map(({ outcome, tracker }) => [outcome, tracker])).toEqual([
    ['migrated', '9324670152232788'],
    ['migrated', '9324670152232788'],
  ])
  expect(await fleet.destination.names()).toContain(`56/${key}`)
  expect(await fleet.takeFailed('small')).toEqual([])
})
