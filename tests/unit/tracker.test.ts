import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createFolderTrackers } from '../../src/tracker/folder.js'
import { createMemoryTrackers } from '../../src/tracker/memory.js'
import type { Tracker } from '../../src/tracker/port.js'
import { trackerContract } from '../contracts/tracker.js'

trackerContract('memory', {
  create: (trackers) => Promise.resolve(createMemoryTrackers(trackers)),
  dispose: () => Promise.resolve(),
})

const made: string[] = []
async function folderOf(trackers: readonly Tracker[]): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), 'duckfleet-trackers-'))
  made.push(root)
  for (const { id, site } of trackers) await mkdir(path.join(root, site, id), { recursive: true })
  return root
}
async function dispose(): Promise<void> {
  for (const root of made.splice(0)) await rm(root, { recursive: true, force: true })
}

trackerContract('folder', {
  create: async (trackers) => createFolderTrackers(await folderOf(trackers)),
  dispose,
})

describe('trackers from folders', () => {
  afterEach(dispose)
  const never = new AbortController().signal
  const ids = async (root: string): Promise<string[]> => {
    const found: string[] = []
    for await (const { id } of createFolderTrackers(root).trackers({ trackers: [], sites: [] }, never)) {
      found.push(id)
    }
    return found
  }

  it('takes no files, no hidden folders, and follows no links', async () => {
    const root = await folderOf([{ id: '1', site: '56' }])
    await writeFile(path.join(root, 'readme.txt'), '')
    await writeFile(path.join(root, '56', 'x.duckdb'), '')
    await mkdir(path.join(root, '.snapshot', '2'), { recursive: true })
    await mkdir(path.join(root, '56', '.trash'))
    await symlink(root, path.join(root, '57'))
    await symlink('1', path.join(root, '56', '3'))
    expect(await ids(root)).toEqual(['1'])
  })

  it('gives those behind links that lead out of the root, which no store reads, so that somebody is told', async () => {
    const elsewhere = await folderOf([{ id: '7', site: '58' }])
    const root = await folderOf([{ id: '1', site: '56' }])
    await symlink(path.join(elsewhere, '58'), path.join(root, '58'))
    await symlink(path.join(elsewhere, '58', '7'), path.join(root, '56', '2'))
    expect((await ids(root)).sort()).toEqual(['1', '2', '7'])
  })

  it('says which folder is missing', async () => {
    await expect(ids('/not/there')).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/\/not\/there .*ENOENT/) as string,
    })
  })
})
