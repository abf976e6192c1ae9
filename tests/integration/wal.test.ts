import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EngineProcess } from '../../src/engine/process.js'
import { DuckfleetError } from '../../src/errors.js'
import { refuseTornFrames, refuseTornWal } from '../../src/migration/file/wal.js'
import { ensureEngine } from '../support/engines.js'
import { fixture } from '../support/fixtures.js'
import { JobRig } from '../support/job-rig.js'
import { readFrom } from '../support/neo.js'

const NEWEST = { release: '1.5.6' }
const RELEASES = ['0.6.1', '0.7.1', '0.8.1']
/** In 1.5.6, files of these storage versions are the ones that its WALs differ in. */
const STABLE = ['v1.0.0', 'v1.2.0', 'v1.4.0', 'v1.5.0']
const ADVICE = /\.wal is torn.*[Gg]et a whole copy.*CHECKPOINT/

let rig: JobRig
let folder: string
let pending: string
beforeAll(async () => {
  rig = await JobRig.start()
  folder = await realpath(await mkdtemp(join(tmpdir(), 'duckfleet-wal-')))
  pending = await fixture('wal')
  await Promise.all(STABLE.map((version) => writeStable(version)))
})
afterAll(async () => {
  await rig.stop()
  await rm(folder, { recursive: true })
})

function old(release: string): string {
  return join(pending, release, 'pending.duckdb')
}

function stable(version: string): string {
  return join(folder, `${version}.duckdb`)
}

/** A file whose writer was killed: one row in it, two rows and a table in its WAL. */
async function writeStable(version: string): Promise<void> {
  const statements = [
    `SET wal_autocheckpoint = '1TB'`,
    `ATTACH '${stable(version)}' AS made (STORAGE_VERSION '${version}')`,
    'USE made',
    'CREATE TABLE t (i INTEGER, s VARCHAR)',
    `INSERT INTO t VALUES (1, 'one')`,
    'CHECKPOINT',
    `INSERT INTO t VALUES (2, 'two')`,
    `INSERT INTO t VALUES (3, 'three')`,
    'CREATE TABLE u (x INTEGER)',
  ]
  const script = `
    const { DuckDBInstance } = require('@duckdb/node-api')
    DuckDBInstance.create(':memory:').then(async (instance) => {
      const connection = await instance.connect()
      for (const statement of ${JSON.stringify(statements)}) await connection.run(statement)
      process.kill(process.pid, 'SIGKILL')
    })`
  const project = join(fileURLToPath(import.meta.url), '..', '..', '..')
  const child = spawn(process.execPath, ['-e', script], { cwd: project, stdio: 'ignore' })
  await once(child, 'exit')
}

/** A copy of a database with only the first bytes of its WAL. */
async function withWal(file: string, wal: Buffer): Promise<string> {
  const copy = join(await mkdtemp(join(folder, 'torn-')), 'torn.duckdb')
  await copyFile(file, copy)
  await writeFile(`${copy}.wal`, wal)
  return copy
}

async function failure(work: Promise<unknown>): Promise<DuckfleetError> {
  const error: unknown = await work.then(
    () => new Error('nothing was refused'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof DuckfleetError)) throw error
  return error
}

describe('rows that are only in the WAL', () => {
  it.each(RELEASES)('are there after the upgrade from %s', async (release) => {
    await rig.upgrade(old(release), NEWEST, {}, async (target) => {
      expect(await readFrom(target, 'SELECT count(*)::INTEGER FROM t')).toEqual(['3'])
      expect(await readFrom(target, 'SELECT count(*)::INTEGER FROM u')).toEqual(['0'])
    })
  })

  it.each(STABLE)('are there after the upgrade of a file of STORAGE_VERSION %s', async (version) => {
    await rig.upgrade(stable(version), { release: '1.5.6', storageVersion: 'v1.3.0' }, {}, async (target) => {
      expect(await readFrom(target, 'SELECT s FROM t ORDER BY i')).toEqual(['one', 'two', 'three'])
      expect(await readFrom(target, 'SELECT count(*)::INTEGER FROM u')).toEqual(['0'])
    })
  })
})

describe('a torn WAL of 0.8 and older', () => {
  it.each(RELEASES)('is refused through the whole path, with advice: %s', async (release) => {
    const wal = await readFile(`${old(release)}.wal`)
    for (const cut of [1, 7, Math.floor(wal.length / 2), wal.length - 1]) {
      const error = await failure(rig.upgrade(await withWal(old(release), wal.subarray(0, cut)), NEWEST))
      expect(error).toMatchObject({ code: 'corrupt', message: expect.stringMatching(/\.wal/) as string })
      expect(error.message).toMatch(/CHECKPOINT/)
    }
  })

  it.each(RELEASES)('never loses rows in silence, wherever it is cut: %s', async (release) => {
    const engine = await ensureEngine(`wasm:${release}`)
    const whole = await readFile(`${old(release)}.wal`)
    const slot = await mkdtemp(join(folder, 'slot-'))
    const signal = AbortSignal.timeout(100_000)
    let process = await EngineProcess.start(engine, { folder: slot, maxResident: 2e9 }, signal)
    const silent: number[] = []
    for (let cut = 1; cut < whole.length; cut++) {
      const wal = whole.subarray(0, cut)
      if (refused(wal)) continue
      if (!process.alive)
        process = await EngineProcess.start(engine, { folder: slot, maxResident: 2e9 }, signal)
      const job = await mkdtemp(join(slot, 'job-'))
      const path = join(job, 'torn.duckdb')
      await copyFile(old(release), path)
      await writeFile(`${path}.wal`, wal)
      const options = {
        path,
        mode: 'read',
        folder: job,
        memoryLimit: 1e9,
        threads: 1,
        storageVersion: undefined,
      } as const
      // A cut behind a transaction leaves a whole, shorter WAL: its rows must be there.
      const said = await process.open(cut, options, 9000, signal).catch((error: unknown) => [String(error)])
      if (said.some((line) => /WAL/i.test(line))) {
        if (process.alive) await process.close(cut, 9000, signal).catch(() => process.kill())
        continue
      }
      const rows = await process.query(cut, 'SELECT CAST(count(*) AS VARCHAR) AS n FROM t', 9000, signal)
      if (!endsTransaction(whole, cut) || rows[0]?.['n'] === '1') silent.push(cut)
      await process.close(cut, 9000, signal)
    }
    await process.kill()
    expect(silent).toEqual([])
  })
})

function refused(wal: Buffer): boolean {
  try {
    refuseTornWal({ size: wal.length, lastByte: wal.at(-1) ?? 0 })
    return false
  } catch {
    return true
  }
}

/** An entry that ends a transaction is the byte 100, and the next entry starts with its type, below 30. */
function endsTransaction(whole: Buffer, cut: number): boolean {
  return whole[cut - 1] === 100 && (whole[cut] ?? 255) < 30
}

describe('a torn WAL of 0.9 and newer', () => {
  it.each(STABLE)('is refused wherever it is cut, but behind a transaction: %s', async (version) => {
    const whole = await readFile(`${stable(version)}.wal`)
    const accepted: number[] = []
    for (let cut = 1; cut <= whole.length; cut++) {
      const wal = whole.subarray(0, cut)
      const read = (offset: number, length: number): Promise<Uint8Array> =>
        Promise.resolve(wal.subarray(offset, Math.min(wal.length, offset + length)))
      const error = await refuseTornFrames(read, cut).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      if (error === undefined) accepted.push(cut)
      else expect(error).toMatchObject({ code: 'corrupt', message: expect.stringMatching(ADVICE) as string })
    }
    const flushes = [...whole.toString('latin1').matchAll(/d\0d\xff\xff/g)].map(({ index }) => index + 5)
    expect(flushes).toHaveLength(3)
    expect(accepted).toEqual(flushes)
  })

  it('is refused through the whole path, by upgrade and by check', async () => {
    const whole = await readFile(`${stable('v1.0.0')}.wal`)
    for (const cut of [3, 20, 100, whole.length - 7, whole.length - 1]) {
      const torn = await withWal(stable('v1.0.0'), whole.subarray(0, cut))
      const target = { release: '1.5.6', storageVersion: 'v1.5.0' }
      expect(await failure(rig.upgrade(torn, target))).toMatchObject({
        code: 'corrupt',
        message: expect.stringMatching(ADVICE) as string,
      })
      expect(await failure(rig.check(torn, target))).toMatchObject({ code: 'corrupt' })
    }
  })

  it('is refused where a bit flipped', async () => {
    const whole = await readFile(`${stable('v1.0.0')}.wal`)
    for (let at = 8; at < whole.length; at += 13) {
      const wal = Buffer.from(whole)
      wal[at] = (wal[at] ?? 0) ^ 0x10
      const error = await failure(
        rig.upgrade(await withWal(stable('v1.0.0'), wal), { release: '1.5.6', storageVersion: 'v1.5.0' }),
      )
      expect(error.code, `byte ${at}: ${error.message}`).toBe('corrupt')
    }
  })
})

describe('an empty WAL', () => {
  it('is no reason to refuse a file', async () => {
    await mkdir(join(folder, 'empty'), { recursive: true })
    for (const file of [old('0.8.1'), stable('v1.0.0')]) {
      const copy = await withWal(file, Buffer.alloc(0))
      await rig.upgrade(copy, { release: '1.5.6', storageVersion: 'v1.5.0' }, {}, async (target) => {
        expect(await readFrom(target, 'SELECT count(*)::INTEGER FROM t')).toEqual(['1'])
      })
    }
  })
})
