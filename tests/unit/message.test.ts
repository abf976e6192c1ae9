import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { locations, parseMessage, serializeMessage } from '../../src/fleet/message.js'

/** Bodies as the earlier system writes them; the first is the example of the contract. */
const BODIES = {
  's3-s3':
    '{"source_datastore":"s3","destination_datastore":"s3","source_bucket":"perform-dev-raw","destination_bucket":"perform-dev-atomicduck","tracker-id":"9324670152232788","source_key":"tracker-migration/9324670152232788/VolumeCases-9324670152232788.duckdb","dest_key":"56/9324670152232788/VolumeCases-9324670152232788.duckdb"}',
  'efs-efs': '{"source_datastore":"efs","destination_datastore":"efs","key":"56/1/a.duckdb"}',
  's3-efs':
    '{"source_datastore":"s3","destination_datastore":"efs","source_bucket":"perform-dev-raw","tracker-id":"1","source_key":"a/1/x.duckdb","key":"56/1/x.duckdb"}',
  'efs-s3':
    '{"source_datastore":"efs","destination_datastore":"s3","key":"56/1/x.duckdb","destination_bucket":"perform-dev-raw","dest_key":"56/1/x.duckdb"}',
} as const

const routes = Object.keys(BODIES) as (keyof typeof BODIES)[]

describe('messages', () => {
  it.each(routes)('reads and writes %s byte for byte', (route) => {
    const message = parseMessage(BODIES[route])
    expect(message.route).toBe(route)
    expect(serializeMessage(message)).toBe(BODIES[route])
  })

  it('finds both ends of every route', () => {
    expect(routes.map((route) => locations(parseMessage(BODIES[route])))).toEqual([
      {
        source: {
          datastore: 's3',
          bucket: 'perform-dev-raw',
          key: 'tracker-migration/9324670152232788/VolumeCases-9324670152232788.duckdb',
        },
        destination: {
          datastore: 's3',
          bucket: 'perform-dev-atomicduck',
          key: '56/9324670152232788/VolumeCases-9324670152232788.duckdb',
        },
      },
      {
        source: { datastore: 'efs', key: '56/1/a.duckdb' },
        destination: { datastore: 'efs', key: '56/1/a.duckdb' },
      },
      {
        source: { datastore: 's3', bucket: 'perform-dev-raw', key: 'a/1/x.duckdb' },
        destination: { datastore: 'efs', key: '56/1/x.duckdb' },
      },
      {
        source: { datastore: 'efs', key: '56/1/x.duckdb' },
        destination: { datastore: 's3', bucket: 'perform-dev-raw', key: '56/1/x.duckdb' },
      },
    ])
  })

  it('ignores unknown fields, and writes them no more', () => {
    const body = { ...(JSON.parse(BODIES['efs-efs']) as object), attempt: 3 }
    expect(serializeMessage(parseMessage(JSON.stringify(body)))).toBe(BODIES['efs-efs'])
  })

  it.each(routes)('names the field of %s that is missing or ill-typed', (route) => {
    const body = JSON.parse(BODIES[route]) as Record<string, string>
    for (const field of Object.keys(body)) {
      for (const value of [undefined, 7, null, ['x'], '']) {
        const broken = JSON.stringify({ ...body, [field]: value })
        expect(() => parseMessage(broken), `${field}: ${String(value)}`).toThrow(`${field}: `)
      }
    }
  })

  it('lists every problem at once', () => {
    const body =
      '{"source_datastore":"efs","destination_datastore":"s3","key":"/etc/passwd","destination_bucket":"b/c"}'
    expect(() => parseMessage(body)).toThrow(/key: .*absolute.*destination_bucket: .*dest_key: /)
  })

  it.each([
    ['../secret.duckdb', "holds '..'"],
    ['a/../../b', "holds '..'"],
    ['a\\..\\b', "holds '..'"],
    ['/etc/passwd', 'absolute'],
    ['\\\\server\\share', 'absolute'],
    ['C:\\x.duckdb', 'absolute'],
    ['a\0.duckdb', 'NUL'],
    ['', 'empty'],
    ['folder/', 'folder'],
    ['.', 'folder'],
    ['x'.repeat(5000), 'longer'],
  ])('refuses the key %j', (key, why) => {
    const body = JSON.stringify({ source_datastore: 'efs', destination_datastore: 'efs', key })
    expect(() => parseMessage(body)).toThrow('invalid message: key: ')
    expect(() => parseMessage(body)).toThrow(why)
  })

  it.each([['a..b/c...duckdb'], ['.hidden/x'], ['a b/ü€😀.duckdb'], ["it's.duckdb"]])(
    'takes the key %j',
    (key) => {
      const body = JSON.stringify({ source_datastore: 'efs', destination_datastore: 'efs', key })
      expect(locations(parseMessage(body)).source.key).toBe(key)
    },
  )

  it('refuses whatever is no message, and only ever with a usage error', () => {
    const junk = fc.oneof(
      fc.string(),
      fc.json(),
      fc.constantFrom('null', '[]', '{}', '{"source_datastore":"ftp"}'),
    )
    fc.assert(
      fc.property(junk, (body) => {
        expect(() => parseMessage(body)).toThrow(expect.objectContaining({ code: 'usage' }) as Error)
      }),
    )
  })
})
