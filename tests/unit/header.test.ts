import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  describeHeader,
  HEADER_BYTES,
  parseHeader,
  requireDatabase,
} from '../../src/migration/file/header.js'
import { craftHeader, seal } from './craft-header.js'

const BLOCK_SIZE = 262_144

describe('a database', () => {
  it('of 0.8 has a storage version and nothing more', () => {
    const bytes = craftHeader({ version: 51, writer: 'v9.9.9' })
    expect(parseHeader(bytes, bytes.length)).toEqual({
      kind: 'database',
      header: {
        storageVersion: 51,
        releases: '0.8',
        writer: undefined,
        serializationLevel: undefined,
        encrypted: false,
      },
    })
  })

  it('of 1.x names its writer, and its level from storage version 65 on', () => {
    const database = { level: 5, iteration: 1 }
    const old = parseHeader(craftHeader({ version: 64, writer: 'v1.4.4', first: database }), HEADER_BYTES)
    const recent = parseHeader(craftHeader({ version: 66, writer: 'v1.4.4', first: database }), HEADER_BYTES)
    expect(old).toMatchObject({ header: { writer: '1.4.4', serializationLevel: undefined } })
    expect(recent).toMatchObject({ header: { writer: '1.4.4', serializationLevel: 5, releases: '1.3' } })
  })

  it.each([
    ['the first', 9, 8, 4],
    ['the second', 8, 9, 7],
  ])('takes the level from %s header when its iteration is higher', (_, first, second, level) => {
    const bytes = craftHeader({
      version: 65,
      first: { iteration: first, level: 4 },
      second: { iteration: second, level: 7 },
    })
    expect(parseHeader(bytes, bytes.length)).toMatchObject({ header: { serializationLevel: level } })
  })

  it('that a later release upgraded in place belongs to that release', () => {
    const bytes = craftHeader({ version: 65, first: { iteration: 1, level: 7 } })
    expect(parseHeader(bytes, bytes.length)).toMatchObject({ kind: 'database', header: { releases: '1.5' } })
  })

  it('of an unknown version is a database whatever the rest of it looks like', () => {
    const bytes = craftHeader({ version: 51 })
    bytes.writeBigUInt64LE(9999n, 12)
    expect(parseHeader(bytes, bytes.length)).toMatchObject({
      kind: 'database',
      header: { storageVersion: 9999, releases: 'newer than 1.5' },
    })
  })

  it('that is encrypted is one although its database headers cannot be read', () => {
    const bytes = craftHeader({ version: 67, encrypted: true, first: { iteration: 1, level: 6 } })
    bytes.fill(0xa5, 4096)
    expect(parseHeader(bytes, bytes.length)).toMatchObject({
      kind: 'database',
      header: { encrypted: true, serializationLevel: undefined },
    })
  })

  it('of 0.8 is never encrypted: the flag came later', () => {
    const bytes = craftHeader({ version: 51, encrypted: true })
    expect(parseHeader(bytes, bytes.length)).toMatchObject({ header: { encrypted: false } })
  })

  it('can be classified from its first 4 KiB', () => {
    const bytes = craftHeader({ version: 64, writer: 'v1.1.3' }).subarray(0, 4096)
    expect(parseHeader(bytes, 1_000_000)).toMatchObject({ kind: 'database', header: { writer: '1.1.3' } })
  })

  it('shows no writer that could garble a terminal', () => {
    const bytes = craftHeader({ version: 64, writer: '\x1b[2Jv1.0.0' })
    expect(parseHeader(bytes, bytes.length)).toMatchObject({ header: { writer: undefined } })
  })
})

describe('a damaged database', () => {
  it.each([0, 4096, 8192])('has a header at %i whose checksum is wrong', (start) => {
    const bytes = craftHeader({ version: 51 })
    bytes.writeUInt8(1, start + 4000)
    expect(parseHeader(bytes, bytes.length)).toMatchObject({
      kind: 'corrupt',
      header: { storageVersion: 51 },
      reason: `the checksum of the header at byte ${start} is wrong`,
    })
  })

  it('never hides a single flipped bit of its headers', () => {
    const version = [33, 38, 39, 43, 51, 64, 65, 66, 67, 68].map(BigInt)
    fc.assert(
      fc.property(fc.constantFrom(...version), fc.nat(HEADER_BYTES * 8 - 1), (storageVersion, bit) => {
        const bytes = craftHeader({ version: storageVersion, first: { iteration: 1, level: 4 } })
        const at = bit >> 3
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (bit & 7)), at)
        const result = parseHeader(bytes, bytes.length)
        // A flip in the version or in the encryption flag gives a file that no engine would open either.
        if (result.kind === 'database') {
          expect(result.header.encrypted || BigInt(result.header.storageVersion) !== storageVersion).toBe(
            true,
          )
        }
      }),
    )
  })

  it.each([
    ['in its signature block', 100],
    ['after the main header', 4096],
    ['in the last header', 12_287],
  ])('that ends %s is cut off', (_, size) => {
    const bytes = craftHeader({ version: 51 }).subarray(0, size)
    const reason = `it is cut off after ${size.toLocaleString('en-US')} bytes, and its content is missing; copy it again`
    expect(parseHeader(bytes, size)).toMatchObject({ kind: 'corrupt', reason })
  })

  it('that ends before its catalog or free list is cut off', () => {
    const withCatalog = craftHeader({ version: 51, first: { iteration: 1, metaBlock: 1n, blockCount: 2 } })
    expect(parseHeader(withCatalog, HEADER_BYTES)).toMatchObject({ kind: 'corrupt' })
    expect(parseHeader(withCatalog, HEADER_BYTES + 2 * BLOCK_SIZE - 1)).toMatchObject({ kind: 'corrupt' })
    expect(parseHeader(withCatalog, HEADER_BYTES + 2 * BLOCK_SIZE)).toMatchObject({ kind: 'database' })
    const withFreeList = craftHeader({ version: 51, first: { iteration: 1, freeList: 0n, blockCount: 1 } })
    expect(parseHeader(withFreeList, HEADER_BYTES + BLOCK_SIZE - 1)).toMatchObject({ kind: 'corrupt' })
  })

  it('may be shorter than its block count says: the last block may have been reserved only', () => {
    const bytes = craftHeader({ version: 39, first: { iteration: 1, metaBlock: 0n, blockCount: 2 } })
    expect(parseHeader(bytes, HEADER_BYTES + BLOCK_SIZE)).toMatchObject({ kind: 'database' })
  })

  it('has small blocks where the header says so, and an offset in its block pointers', () => {
    const pointer = (5n << 56n) | 1n
    const bytes = craftHeader({ version: 64, first: { iteration: 1, metaBlock: pointer, blockSize: 16_384 } })
    expect(parseHeader(bytes, HEADER_BYTES + 2 * 16_384)).toMatchObject({ kind: 'database' })
    expect(parseHeader(bytes, HEADER_BYTES + 2 * 16_384 - 1)).toMatchObject({ kind: 'corrupt' })
  })
})

describe('no database', () => {
  const zeros = Buffer.alloc(HEADER_BYTES)
  it.each([
    ['an empty file (0 bytes)', Buffer.alloc(0)],
    ['too short for a database (3 bytes)', Buffer.from('abc')],
    ['too short for a database (1 byte)', Buffer.from('x')],
    ['a text file', Buffer.from('id,name\n1,Zoë\n2,中文\n')],
    ['a Parquet file', Buffer.concat([Buffer.from('PAR1'), zeros])],
    ['an SQLite database', Buffer.concat([Buffer.from('SQLite format 3\0'), zeros])],
    ['a gzip archive: unpack it first', gzipSync(Buffer.from('some text'))],
    ['an xz archive: unpack it first', Buffer.from('fd377a585a000000', 'hex')],
    ['a zip archive: unpack it first', Buffer.from('PK\x03\x04 and so on')],
    ['nothing but zeros at its start, as a broken copy leaves them', zeros],
    ['a file of an unknown kind', Buffer.from('\x7fELF\x02\x01\x01\x00 and so on and on', 'latin1')],
    ['marked as DuckDB, but of storage version 0, which no release writes', craftHeader({ version: 0 })],
  ])('%s', (reason, bytes) => {
    expect(parseHeader(bytes, bytes.length)).toEqual({ kind: 'not-a-database', reason })
  })

  it('text is text when its last character is cut', () => {
    const bytes = Buffer.from('a line of text with an ö').subarray(0, -1)
    expect(parseHeader(bytes, 5_000_000)).toMatchObject({ reason: 'a text file' })
  })

  it('any bytes whatever give an answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (noise, marked) => {
        const bytes = Buffer.from(noise)
        if (marked && bytes.length >= 12) bytes.write('DUCK', 8, 'latin1')
        const result = parseHeader(bytes, bytes.length)
        expect(['database', 'corrupt', 'not-a-database']).toContain(result.kind)
      }),
    )
  })
})

describe('files that DuckDB writes now', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'duckfleet-header-'))
  })
  afterAll(async () => {
    await rm(folder, { recursive: true })
  })

  it.each([
    ['', 64, undefined],
    ["(STORAGE_VERSION 'v1.2.0')", 65, 4],
    ["(STORAGE_VERSION 'v1.3.0')", 66, 5],
    ["(STORAGE_VERSION 'v1.4.0')", 67, 6],
    ["(STORAGE_VERSION 'latest')", 68, 7],
    ['(BLOCK_SIZE 16384)', 64, undefined],
  ])('ATTACH %s', async (options, storageVersion, serializationLevel) => {
    const file = join(folder, `${storageVersion}-${options.length}.duckdb`)
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    await connection.run(`ATTACH '${file}' AS made ${options}`)
    await connection.run('CREATE TABLE made.t AS SELECT range AS i FROM range(1000)')
    await connection.run('DETACH made')
    connection.closeSync()
    instance.closeSync()
    const bytes = await readFile(file)
    const result = parseHeader(bytes.subarray(0, HEADER_BYTES), bytes.length)
    expect(result).toMatchObject({
      kind: 'database',
      header: { storageVersion, serializationLevel, writer: '1.5.6' },
    })
    expect(parseHeader(bytes.subarray(0, HEADER_BYTES), HEADER_BYTES).kind).toBe('corrupt')
  })
})

describe('sentences', () => {
  it('describe a header', () => {
    const header = requireDatabase(
      parseHeader(
        craftHeader({ version: 68, writer: 'v1.5.6', first: { iteration: 1, level: 7 } }),
        HEADER_BYTES,
      ),
      'x.duckdb',
    )
    expect(describeHeader(header)).toBe(
      'storage version 68 (DuckDB 1.5), created by 1.5.6, serialization level 7',
    )
  })

  it('name the file that is no database, or a damaged one', () => {
    const text = parseHeader(Buffer.from('nothing but a line of text\n'), 27)
    expect(() => requireDatabase(text, '/a/x.duckdb')).toThrow(
      expect.objectContaining({
        code: 'unreadable',
        message: '/a/x.duckdb is not a DuckDB database: it is a text file',
      }),
    )
    const broken = parseHeader(seal(craftHeader({ version: 51 }).subarray(0, 4096)), 4096)
    expect(() => requireDatabase(broken, '/a/x.duckdb')).toThrow(
      expect.objectContaining({
        code: 'corrupt',
        message:
          '/a/x.duckdb is damaged: it is cut off after 4,096 bytes, and its content is missing; copy it again',
      }),
    )
  })
})
