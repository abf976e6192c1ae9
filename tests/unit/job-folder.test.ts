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

  it('of dead processes of this machine are removed, and nothing else', async () => {
    const mine = path.basename(await createRunFolder(workDir))
    const dead = spawnSync(process.execPath, ['-e', '']).pid
    const withPid = (name: string, pid: number): string => name.replace(/^duckfleet-\d+/, `duckfleet-${pid}`)
    const elsewhere = withPid(mine, dead).replace(/-[0-9a-f]{8}(?=[0-9a-f]{8}$)/, '-00000000')
    const kept = [mine, withPid(mine, process.ppid), elsewhere, 'duckfleet-mine', 'other']
    for (const name of [withPid(mine, dead), ...kept.slice(1)]) {
      await mkdir(path.join(workDir, name))
      await writeFile(path.join(workDir, name, 'file'), 'x')
    }
    await writeFile(
      path.join(workDir, withPid(`${mine.slice(0, -1)}${mine.endsWith('0') ? '1' : '0'}`, dead)),
      'a file, not a folder',
    )
    const second = path.basename(await createRunFolder(workDir))
    const left = await readdir(workDir)
    expect(left).not.toContain(withPid(mine, dead))
    expect(left).toEqual(expect.arrayContaining([...kept, second]))
    expect(left).toHaveLength(kept.length + 2)
  })

  it('of a killed process that had the number of this one, as in a container that is started again, are removed', async () => {
    const mine = await createRunFolder(workDir)
    const before = `${mine.slice(0, -8)}00000000`
    await mkdir(path.join(before, 'slot-0'), { recursive: true })
    const longAgo = Date.now() / 1000 - process.uptime() - 60
    await utimes(before, longAgo, longAgo)
    const second = await createRunFolder(workDir)
    expect((await readdir(workDir)).sort()).toEqual(
      [mine, second].map((folder) => path.basename(folder)).sort(),
    )
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
