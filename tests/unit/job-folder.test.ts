import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createJobFolder,
  createRunFolder,
  createSlotFolder,
  removeFolder,
  workName,
} from '../../src/fleet/work-folder.js'

let workDir: string
beforeEach(async () => {
  workDir = await mkdtemp(path.join(tmpdir(), 'duckfleet-work-'))
})
afterEach(async () => {
  await rm(workDir, { recursive: true, force: true })
})

/** As a process leaves it that was killed. */
async function leaveSocket(socket: string): Promise<void> {
  const program = `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', program])
  expect((await stat(socket)).isSocket()).toBe(true)
}

describe('work folders', () => {
  it('are private, one in the other', async () => {
    const run = await createRunFolder(path.join(workDir, 'not', 'there', 'yet'))
    const job = await createJobFolder(await createSlotFolder(run, 0))
    expect(path.relative(run, job)).toMatch(/^slot-0\/job-\w{6}$/)
    for (const folder of [run, job]) expect((await stat(folder)).mode & 0o777).toBe(0o700)
    await removeFolder(run)
    await removeFolder(run)
    expect(await readdir(path.dirname(run))).toEqual([])
  })

  it('of dead processes of this host are removed, and nothing else', async () => {
    const mine = path.basename(await createRunFolder(workDir))
    const named = (random: string): string => mine.slice(0, -8) + random
    const [dead, cleaned] = [named('00000001'), named('00000002')]
    const elsewhere = mine.replace(/-[0-9a-f]{8}(?=[0-9a-f]{8}$)/, '-00000000')
    const kept = [mine, elsewhere, cleaned, 'duckfleet-mine', 'other']
    for (const name of [dead, ...kept.slice(1)]) {
      await mkdir(path.join(workDir, name, 'slot-0'), { recursive: true })
      if (name !== cleaned) await leaveSocket(path.join(workDir, name, 'alive'))
    }
    await writeFile(path.join(workDir, named('00000003')), 'a file, not a folder')
    const second = path.basename(await createRunFolder(workDir))
    expect((await readdir(workDir)).sort()).toEqual([...kept, named('00000003'), second].sort())
  })

  it('of a living process with the number of this one, in another container, stay', async () => {
    const theirs = await createRunFolder(workDir)
    const longAgo = Date.now() / 1000 - process.uptime() - 60
    await utimes(theirs, longAgo, longAgo)
    const mine = await createRunFolder(workDir)
    expect((await readdir(workDir)).sort()).toEqual(
      [theirs, mine].map((folder) => path.basename(folder)).sort(),
    )
  })

  it('may have names that are too long for a sign of life', async () => {
    const deep = path.join(workDir, 'd'.repeat(100))
    const run = await createRunFolder(deep)
    await createRunFolder(deep)
    expect(await readdir(deep)).toContain(path.basename(run))
    expect(await readdir(run)).toEqual([])
  })

  it('say which setting is wrong when they cannot be made', async () => {
    await writeFile(path.join(workDir, 'file'), '')
    await expect(createRunFolder(path.join(workDir, 'file'))).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('WORK_DIR') as string,
    })
  })
})

describe('the name of a copy', () => {
  it.each([
    ['a/b/sales.new.duckdb', 'sales.new.duckdb'],
    ['a/temp.duckdb', 'database-temp.duckdb'],
    [`a/${'n'.repeat(233)}.duckdb`, `${'n'.repeat(233)}.duckdb`],
    // Buckets take names of which no disk holds the WALs, or not even the file.
    [`a/${'n'.repeat(234)}.duckdb`, 'database.duckdb'],
    [`a/${'é'.repeat(200)}.duckdb`, 'database.duckdb'],
  ])('of %s fits on the work disk', (key, name) => {
    expect(workName(key)).toBe(name)
  })
})
