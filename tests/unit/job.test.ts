import { createHash } from 'node:crypto'
import { readFile, readdir, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DuckfleetError } from '../../src/errors.js'
import type { ErrorCode } from '../../src/errors.js'
import { runJob } from '../../src/fleet/job.js'
import type { UpgradeRequest, UpgradeResult } from '../../src/migration/upgrade.js'
import type { Store } from '../../src/store/port.js'
import { JobBench, RESULT, UPGRADED, database, efsMessage, never } from './job-bench.js'

let bench: JobBench
beforeEach(async () => {
  bench = await JobBench.create()
})
afterEach(async () => {
  await bench.dispose()
})

const sha = (bytes: string | Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`

describe('a job that migrates', () => {
  it('publishes what the engine wrote and reports all of it', async () => {
    await bench.put('src/56/a.duckdb', database(39))
    const report = await bench.run('56/a.duckdb')
    expect(await bench.text('dst/56/a.duckdb')).toBe(UPGRADED)
    expect(Object.keys(report).join()).toBe(
      'source,destination,outcome,from,to,tables,rows,indexes,bytesIn,bytesOut,digest,ms,warnings,error',
    )
    expect(Object.keys(report.ms).join()).toBe('download,export,import,verify,upload,total')
    expect(Object.values(report.ms).every(Number.isInteger)).toBe(true)
    expect(report).toMatchObject({
      source: bench.path('src/56/a.duckdb'),
      destination: bench.path('dst/56/a.duckdb'),
      outcome: 'migrated',
      from: { storageVersion: 39, release: '0.6' },
      to: '1.5.6',
      tables: 2,
      rows: 30,
      indexes: 1,
      bytesIn: 12_288,
      bytesOut: UPGRADED.length,
      digest: sha(UPGRADED),
      ms: { export: 1, import: 2, verify: 3 },
      warnings: RESULT.warnings,
      error: null,
    })
  })

  it('gives the engine a private copy with its WAL, in a folder of its own with mode 0700', async () => {
    await bench.put('src/a.duckdb', database(39))
    await bench.put('src/a.duckdb.wal', 'rows')
    bench.upgrade = async (request) => {
      expect(request.source).toBe(`${request.folder}/source/a.duckdb`)
      expect(request.destination).toBe(`${request.folder}/target/a.duckdb`)
      expect(request.folder.startsWith(bench.path('slot', 'job-'))).toBe(true)
      expect((await stat(request.folder)).mode & 0o777).toBe(0o700)
      expect((await readdir(`${request.folder}/source`)).sort()).toEqual(['a.duckdb', 'a.duckdb.wal'])
      expect(await readFile(`${request.source}.wal`, 'utf8')).toBe('rows')
      await writeFile(request.source, 'scribbled')
      await writeFile(request.destination, UPGRADED)
      return RESULT
    }
    const before = await stat(bench.path('src/a.duckdb'))
    const report = await bench.run('a.duckdb', { memory: 5e8, threads: 3, verify: 'counts' })
    expect(report.error).toBeNull()
    expect(report.bytesIn).toBe(12_288 + 4)
    expect(bench.requests).toMatchObject([{ memory: 5e8, threads: 3, verify: 'counts' }])
    expect((await readFile(bench.path('src/a.duckdb'))).equals(database(39))).toBe(true)
    expect((await stat(bench.path('src/a.duckdb'))).mtimeMs).toBe(before.mtimeMs)
    expect(await bench.files('src')).toEqual(['a.duckdb', 'a.duckdb.wal'])
    expect(await bench.files('dst')).toEqual(['a.duckdb'])
  })

  it('makes its work folder again that a cleaner of temporary files took while nothing came', async () => {
    await bench.put('src/a.duckdb', database(39))
    await rm(bench.path('slot'), { recursive: true })
    expect((await bench.run('a.duckdb')).outcome).toBe('migrated')
    expect((await stat(bench.path('slot'))).mode & 0o777).toBe(0o700)
  })

  it('does not publish a file whose WAL was left behind', async () => {
    await bench.put('src/a.duckdb', database(39))
    bench.upgrade = async (request) => {
      await writeFile(request.destination, UPGRADED)
      await writeFile(`${request.destination}.wal`, 'rows')
      return RESULT
    }
    expect((await bench.run('a.duckdb')).error).toMatchObject({ code: 'engine' })
    expect(await bench.files('dst')).toEqual([])
  })
})

describe('a file that is right already', () => {
  it('is proved readable and copied byte for byte', async () => {
    const bytes = database(64, { writer: 'v1.4.4' })
    await bench.put('src/a.duckdb', bytes)
    const report = await bench.run('a.duckdb')
    expect(report).toMatchObject({
      outcome: 'copied',
      rows: 30,
      digest: sha(bytes),
      from: { storageVersion: 64, release: '1.4.4' },
    })
    expect((await readFile(bench.path('dst/a.duckdb'))).equals(bytes)).toBe(true)
    expect([bench.checks.length, bench.requests.length]).toEqual([1, 0])
  })

  it('is only copied when nothing is to be proved', async () => {
    await bench.put('src/a.duckdb', database(64))
    expect(await bench.run('a.duckdb', { verify: 'none' })).toMatchObject({ outcome: 'copied', rows: null })
    expect(bench.checks).toHaveLength(0)
  })

  it.each(['full', 'none'] as const)(
    'is migrated when the target would read it otherwise (%s)',
    async (verify) => {
      bench.check = () => Promise.resolve({ ...RESULT, outdated: true })
      await bench.put('src/a.duckdb', database(64, { writer: 'v0.9.2' }))
      const report = await bench.run('a.duckdb', { verify })
      expect(report).toMatchObject({ outcome: 'migrated', rows: 30, warnings: RESULT.warnings })
      expect(await bench.text('dst/a.duckdb')).toBe(UPGRADED)
    },
  )

  it('is migrated when rows are in its WAL, but an empty WAL is none', async () => {
    await bench.put('src/a.duckdb', database(64))
    await bench.put('src/a.duckdb.wal', 'rows')
    await bench.put('src/b.duckdb', database(64))
    await bench.put('src/b.duckdb.wal', '')
    expect((await bench.run('a.duckdb')).outcome).toBe('migrated')
    expect((await bench.run('b.duckdb')).outcome).toBe('copied')
  })

  it('is not passed on when the check finds it damaged, or changes its copy', async () => {
    await bench.put('src/a.duckdb', database(64))
    bench.check = () => Promise.reject(new DuckfleetError('corrupt', 'block 7 is damaged'))
    expect(await bench.run('a.duckdb')).toMatchObject({ outcome: 'failed', error: { code: 'corrupt' } })
    bench.check = async (request) => {
      await writeFile(request.source, 'scribbled')
      return RESULT
    }
    expect((await bench.run('a.duckdb')).error?.message).toContain('changed its copy')
    expect(await bench.files('dst')).toEqual([])
  })
})

describe('a file that is not taken', () => {
  it('is skipped for what it is, also when its destination could not be written anyway', async () => {
    await bench.put('src/text.duckdb', 'hello, world')
    await bench.put('dst/text.duckdb/in-a-folder', '')
    const report = await bench.run('text.duckdb')
    expect(report).toMatchObject({ outcome: 'skipped', error: { code: 'unreadable' } })
  })

  it('is skipped when it is no database, or no engine opens it', async () => {
    await bench.put('src/text.duckdb', 'hello, world')
    await bench.put('src/old.duckdb', database(33))
    const assertReadable = (): void => {
      throw new DuckfleetError('unreadable', 'no installed engine opens storage version 33')
    }
    const text = await bench.run('text.duckdb')
    expect(text).toMatchObject({ outcome: 'skipped', from: null, error: { code: 'unreadable' } })
    expect(text.error?.message).toContain(bench.path('src/text.duckdb'))
    const old = await bench.run('old.duckdb', { assertReadable })
    expect(old).toMatchObject({ outcome: 'skipped', from: { storageVersion: 33 } })
    expect(old.error?.message).toContain(bench.path('src/old.duckdb'))
    expect(await bench.files('dst')).toEqual([])
  })

  it('fails when it is cut off, missing or outside', async () => {
    await bench.put('src/cut.duckdb', database(39).subarray(0, 5000))
    await bench.put('outside', database(39))
    await symlink(bench.path('outside'), bench.path('src/link.duckdb'))
    expect((await bench.run('cut.duckdb')).error).toMatchObject({ code: 'corrupt' })
    expect((await bench.run('missing.duckdb')).error).toMatchObject({ code: 'usage' })
    expect((await bench.run('link.duckdb')).error?.message).toContain('leaves its root')
    expect(bench.requests).toHaveLength(0)
  })

  it('fails with the name of the field when the message is invalid', async () => {
    const report = await runJob(
      '{"source_datastore":"efs","destination_datastore":"efs"}',
      bench.deps(),
      never,
    )
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'usage' } })
    expect(report.error?.message).toContain('key: ')
  })

  it('waits for space when the disk is too small, without touching it', async () => {
    await bench.put('src/a.duckdb', database(39))
    // A hole: it takes no space, but would when copied.
    await truncate(bench.path('src/a.duckdb'), 2 ** 43)
    expect(await bench.run('a.duckdb')).toMatchObject({ outcome: 'retried', error: { code: 'no-space' } })
    expect(bench.requests).toHaveLength(0)
  })
})

describe('the destination', () => {
  beforeEach(async () => {
    await bench.put('src/a.duckdb', database(39))
  })

  it('that is full is no reason to look for a worker with a bigger disk', async () => {
    const deps = bench.deps()
    const full = new DuckfleetError('no-space', 'cannot write dst/a.duckdb: there is no space left')
    const places: typeof deps.places = (...at) => {
      const { source, destination } = deps.places(...at)
      const store = { ...destination.store, publish: () => Promise.reject(full) }
      return { source, destination: { ...destination, store } }
    }
    expect(await runJob(efsMessage('a.duckdb'), { ...deps, places }, never)).toMatchObject({
      outcome: 'retried',
      error: { code: 'transient', message: full.message },
    })
  })

  it('is refused when it exists, before any work, and replaced when that is asked for', async () => {
    await bench.put('dst/a.duckdb', 'precious')
    expect(await bench.run('a.duckdb')).toMatchObject({ outcome: 'failed', error: { code: 'usage' } })
    expect(bench.requests).toHaveLength(0)
    expect(await bench.text('dst/a.duckdb')).toBe('precious')
    expect((await bench.run('a.duckdb', { existing: 'replace' })).outcome).toBe('migrated')
    expect(await bench.text('dst/a.duckdb')).toBe(UPGRADED)
  })

  it.each(['a.duckdb.wal', 'a.duckdb.wal.checkpoint'])(
    'is no %s: DuckDB would replay it into a.duckdb',
    async (name) => {
      const deps = bench.deps({ existing: 'replace' })
      const places: typeof deps.places = (...at) => {
        const { source } = deps.places(...at)
        return { source, destination: { store: source.store, key: name } }
      }
      const report = await runJob(efsMessage('a.duckdb'), { ...deps, places }, never)
      expect(report).toMatchObject({ outcome: 'failed', error: { code: 'usage' } })
      expect(report.error?.message).toContain(`src/${name} is what DuckDB calls the WAL of`)
      expect(await bench.files('src')).toEqual(['a.duckdb'])
    },
  )

  it('is not replaced but compared when it was written after its message was published', async () => {
    await bench.put('dst/a.duckdb', database(64))
    const { mtimeMs } = await stat(bench.path('dst/a.duckdb'))
    // In the same second as the bucket or the queue tell it: which was first is not known.
    const before = { existing: 'replace', replaceUntil: Math.floor(mtimeMs) } as const
    // What a job wrote whose message came again.
    expect(await bench.run('a.duckdb', before)).toMatchObject({ outcome: 'migrated', error: null })
    expect([bench.comparisons.length, bench.requests.length]).toEqual([1, 0])
    // What somebody wrote to it since.
    bench.compare = () => Promise.reject(new DuckfleetError('difference', 'table t has 3 rows, not 2'))
    const report = await bench.run('a.duckdb', before)
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'usage' } })
    expect(report.error?.message).toMatch(
      /was written at .*, after its message was published.*publish it again/,
    )
    // An older file that was moved there since.
    await utimes(bench.path('dst/a.duckdb'), mtimeMs / 1000 - 60, mtimeMs / 1000 - 60)
    expect((await bench.run('a.duckdb', before)).outcome).toBe('failed')
    // Published again, or by somebody who does not say when.
    for (const replaceUntil of [Date.now() + 60_000, undefined]) {
      await bench.put('dst/a.duckdb', 'old')
      expect((await bench.run('a.duckdb', { existing: 'replace', replaceUntil })).outcome).toBe('migrated')
      expect(await bench.text('dst/a.duckdb')).toBe(UPGRADED)
    }
  })

  it.each([
    ['appears', undefined],
    ['changes', 'old'],
  ])('is not replaced when it %s while the job runs', async (_, before) => {
    if (before !== undefined) await bench.put('dst/a.duckdb', before)
    bench.upgrade = async (request) => {
      await writeFile(request.destination, UPGRADED)
      await bench.put('dst/a.duckdb', 'precious')
      return RESULT
    }
    expect(await bench.run('a.duckdb', { existing: 'replace' })).toMatchObject({
      outcome: 'retried',
      error: { code: 'transient' },
    })
    expect(await bench.text('dst/a.duckdb')).toBe('precious')
  })

  it('is refused when it appears while the job runs', async () => {
    bench.upgrade = async (request) => {
      await writeFile(request.destination, UPGRADED)
      await bench.put('dst/a.duckdb', 'precious')
      return RESULT
    }
    expect((await bench.run('a.duckdb')).error).toMatchObject({ code: 'usage' })
    expect(await bench.text('dst/a.duckdb')).toBe('precious')
  })

  it.each(['replace', 'compare'] as const)(
    'is not made of a source that went on meanwhile (%s)',
    async (existing) => {
      await bench.put('src/a.duckdb', database(39))
      if (existing === 'compare') await bench.put('dst/a.duckdb', database(64))
      const change = async (request: UpgradeRequest): Promise<UpgradeResult> => {
        await writeFile(request.destination, UPGRADED)
        await bench.put('src/a.duckdb.wal', 'rows')
        return RESULT
      }
      bench.upgrade = change
      bench.compare = change
      const report = await bench.run('a.duckdb', { existing })
      expect(report).toMatchObject({ outcome: 'retried', error: { code: 'transient' } })
      expect(report.error?.message).toContain('changed meanwhile')
      if (existing === 'replace') expect(await bench.files('dst')).toEqual([])
    },
  )

  it('is not made of a source that went on while the new file was on its way', async () => {
    await bench.put('src/a.duckdb', database(39))
    const deps = bench.deps()
    const slow = (store: Store): Store => ({
      ...store,
      publish: async (...upload) => {
        await bench.put('src/a.duckdb.wal', 'rows')
        return await store.publish(...upload)
      },
    })
    const places: typeof deps.places = (...at) => {
      const { source, destination } = deps.places(...at)
      return { source, destination: { ...destination, store: slow(destination.store) } }
    }
    const report = await runJob(efsMessage('a.duckdb'), { ...deps, places }, never)
    expect(report).toMatchObject({ outcome: 'retried', error: { code: 'transient' } })
    expect(report.error?.message).toContain('changed meanwhile')
    expect(await bench.files('dst')).toEqual([])
  })

  describe('is compared', () => {
    const compare = { existing: 'compare' } as const
    const there = (bytes: Uint8Array): Promise<void> => bench.put('dst/a.duckdb', bytes)
    const finished = database(64)

    it('and left alone when it holds what the source holds', async () => {
      await bench.put('src/a.duckdb', database(39))
      await there(finished)
      const report = await bench.run('a.duckdb', compare)
      expect(report).toMatchObject({ outcome: 'migrated', rows: RESULT.rows, bytesOut: finished.length })
      expect(report.warnings).toContainEqual(expect.stringContaining('was there already and holds the same'))
      expect(bench.requests).toEqual([])
      expect(bench.comparisons).toHaveLength(1)
      expect((await readFile(bench.path('dst/a.duckdb'))).equals(finished)).toBe(true)
    })

    it('and never replaced when it holds something else', async () => {
      await bench.put('src/a.duckdb', database(39))
      await there(finished)
      bench.compare = () => Promise.reject(new DuckfleetError('difference', 'table t has 3 rows, not 2'))
      const report = await bench.run('a.duckdb', compare)
      expect(report).toMatchObject({ outcome: 'failed', error: { code: 'usage' } })
      expect(report.error?.message).toMatch(/dst\/a\.duckdb exists already.*table t has 3 rows.*OVERWRITE/)
      expect((await readFile(bench.path('dst/a.duckdb'))).equals(finished)).toBe(true)
    })

    it('in full, even when nothing was to be verified', async () => {
      await bench.put('src/a.duckdb', database(39))
      await there(finished)
      await bench.run('a.duckdb', { ...compare, verify: 'none' })
      expect(bench.comparisons.map(({ verify }) => verify)).toEqual(['full'])
    })

    it.each([
      ['text', Buffer.from('hello')],
      ['a database of another release', database(39)],
    ])('and refused when it is %s', async (_what, bytes) => {
      await bench.put('src/a.duckdb', database(39))
      await there(bytes)
      const report = await bench.run('a.duckdb', compare)
      expect(report.error).toMatchObject({ code: 'usage' })
      expect(bench.comparisons).toEqual([])
      expect((await readFile(bench.path('dst/a.duckdb'))).equals(bytes)).toBe(true)
    })

    it('on the next try when it appeared while the job was at work', async () => {
      await bench.put('src/a.duckdb', database(39))
      bench.upgrade = async (request) => {
        await writeFile(request.destination, UPGRADED)
        await there(finished)
        return RESULT
      }
      expect(await bench.run('a.duckdb', compare)).toMatchObject({
        outcome: 'retried',
        error: { code: 'transient' },
      })
      expect((await readFile(bench.path('dst/a.duckdb'))).equals(finished)).toBe(true)
    })
  })

  it.each(['replace', 'refuse', 'compare'] as const)(
    'is refused when a WAL lies there (%s)',
    async (existing) => {
      await bench.put('dst/a.duckdb.wal', 'stale')
      expect((await bench.run('a.duckdb', { existing })).error?.message).toContain('a.duckdb.wal')
      expect(bench.requests).toHaveLength(0)
    },
  )

  it('is refused when it is the source under another name', async () => {
    await symlink(bench.path('src/a.duckdb'), bench.path('src/b.duckdb'))
    const deps = bench.deps({ existing: 'replace' })
    const { places } = deps
    const same: typeof places = (from, to) => {
      const { source } = places(from, to)
      return { source, destination: { store: source.store, key: 'b.duckdb' } }
    }
    const body = JSON.stringify({ source_datastore: 'efs', destination_datastore: 'efs', key: 'a.duckdb' })
    const report = await runJob(body, { ...deps, places: same }, never)
    expect(report.error?.message).toContain('is the source itself')
    expect((await readFile(bench.path('src/a.duckdb'))).equals(database(39))).toBe(true)
  })
})

describe('in place', () => {
  it('replaces the file and its WAL, and keeps both as a backup', async () => {
    await bench.put('src/a.duckdb', database(39))
    await bench.put('src/a.duckdb.wal', 'rows')
    expect((await bench.run('a.duckdb', { inPlace: true })).outcome).toBe('migrated')
    expect(await bench.files('src')).toEqual(['a.duckdb', 'a.duckdb.bak-39', 'a.duckdb.bak-39.wal'])
    expect(await bench.text('src/a.duckdb')).toBe(UPGRADED)
    expect((await readFile(bench.path('src/a.duckdb.bak-39'))).equals(database(39))).toBe(true)
    expect(await bench.text('src/a.duckdb.bak-39.wal')).toBe('rows')
  })

  it('overwrites no older backup', async () => {
    await bench.put('src/a.duckdb', database(39))
    await bench.put('src/a.duckdb.bak-39', 'older')
    expect((await bench.run('a.duckdb', { inPlace: true, existing: 'replace' })).error).toMatchObject({
      code: 'usage',
    })
    expect(await bench.text('src/a.duckdb.bak-39')).toBe('older')
    expect((await readFile(bench.path('src/a.duckdb'))).equals(database(39))).toBe(true)
  })

  it('leaves a file that is right already as it is', async () => {
    await bench.put('src/a.duckdb', database(64))
    expect((await bench.run('a.duckdb', { inPlace: true })).outcome).toBe('copied')
    expect(await bench.files('src')).toEqual(['a.duckdb'])
  })

  it('keeps nothing when the upgrade fails', async () => {
    await bench.put('src/a.duckdb', database(39))
    bench.upgrade = () => Promise.reject(new DuckfleetError('difference', 'table t: 2 rows are missing'))
    expect((await bench.run('a.duckdb', { inPlace: true })).outcome).toBe('failed')
    expect(await bench.files('src')).toEqual(['a.duckdb'])
  })
})

describe('what goes wrong on the way', () => {
  const outcomes: readonly (readonly [ErrorCode, string])[] = [
    ['usage', 'failed'],
    ['corrupt', 'failed'],
    ['unsupported', 'failed'],
    ['difference', 'failed'],
    ['unreadable', 'skipped'],
    ['transient', 'retried'],
    ['no-space', 'retried'],
    ['engine', 'retried'],
    ['aborted', 'retried'],
  ]
  it.each(outcomes)('%s makes it %s, and the destination stays', async (code, outcome) => {
    await bench.put('src/a.duckdb', database(39))
    await bench.put('dst/a.duckdb', 'precious')
    bench.upgrade = async (request) => {
      await writeFile(request.destination, 'half')
      throw new DuckfleetError(code, 'table t: something')
    }
    const report = await bench.run('a.duckdb', { existing: 'replace' })
    expect(report).toMatchObject({ outcome, error: { code, message: 'table t: something' }, bytesOut: null })
    expect(await bench.files('dst')).toEqual(['a.duckdb'])
    expect(await bench.text('dst/a.duckdb')).toBe('precious')
  })

  it('stops when asked to: before, in the engine, and before it publishes', async () => {
    await bench.put('src/a.duckdb', database(39))
    const stopped = { outcome: 'retried', error: { code: 'aborted' } }
    expect(await bench.run('a.duckdb', {}, AbortSignal.abort())).toMatchObject(stopped)
    expect(bench.requests).toHaveLength(0)
    const breaks = new AbortController()
    bench.upgrade = () => {
      breaks.abort()
      return Promise.reject(new Error('the engine was killed'))
    }
    expect(await bench.run('a.duckdb', {}, breaks.signal)).toMatchObject(stopped)
    const finishes = new AbortController()
    bench.upgrade = async (request) => {
      await writeFile(request.destination, UPGRADED)
      finishes.abort()
      return RESULT
    }
    expect(await bench.run('a.duckdb', {}, finishes.signal)).toMatchObject(stopped)
    expect(await bench.files('dst')).toEqual([])
  })
})
