import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { confine } from '../../src/store/confine.js'

let root: string

beforeAll(async () => {
  root = await realpath(await mkdtemp(path.join(os.tmpdir(), 'duckfleet-confine-')))
})

afterAll(async () => {
  await rm(root, { recursive: true })
})

it('is not misled by folders that others make in the same moment', async () => {
  for (let i = 0; i < 300; i++) {
    const key = `${i}/site/tracker/a.duckdb`
    const looks = Array.from({ length: 4 }, () => confine(root, key))
    await Promise.all([...looks, mkdir(path.join(root, path.dirname(key)), { recursive: true })])
    for (const look of looks) expect(await look).toBe(path.join(root, key))
  }
})

it('refuses a link to nothing', async () => {
  await symlink(path.join(root, 'gone'), path.join(root, 'link'))
  await expect(confine(root, 'link/a.duckdb')).rejects.toMatchObject({ code: 'usage' })
})
