import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type * as Files from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it, vi } from 'vitest'
import { createEfsStore } from '../../src/store/efs.js'

const signal = new AbortController().signal
/** Names that nothing can be renamed to now. */
let refused: readonly string[] = []

vi.mock('node:fs/promises', async (load) => {
  const real = await load<typeof Files>()
  const rename = async (from: string, to: string): Promise<void> => {
    if (refused.includes(path.basename(to))) throw Object.assign(new Error('EIO: rename'), { code: 'EIO' })
    await real.rename(from, to)
  }
  return { ...real, rename }
})

it('puts every WAL back that can be when a file cannot be replaced, and names the one that cannot', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'duckfleet-put-back-'))
  try {
    const store = createEfsStore(folder)
    const target = path.join(folder, 'a.duckdb')
    const from = path.join(folder, 'finished')
    await writeFile(target, 'old')
    await writeFile(`${target}.wal`, 'rows')
    await writeFile(`${target}.wal.checkpoint`, 'more rows')
    await writeFile(from, 'new')
    const { file } = await store.stat('a.duckdb', signal)
    expect(file?.wals).toHaveLength(2)
    const first = `a.duckdb${file?.wals[0]?.suffix ?? ''}`
    const second = `${target}${file?.wals[1]?.suffix ?? ''}`
    const rows = await readFile(second, 'utf8')

    refused = ['a.duckdb', first]
    const failed = store.publish(from, 'a.duckdb', { metadata: {}, ...(file && { replaces: file }) }, signal)
    const message = await failed.then(
      () => '',
      (error: unknown) => String(error),
    )
    expect(message).toMatch(/cannot replace .*a\.duckdb: .*I\/O error.*lacks rows: within a day/)
    const kept = /rename (\S+\.tmp) to (\S+)/.exec(message)
    expect(kept?.[2]).toBe(path.join(folder, first))
    expect(await readFile(kept?.[1] ?? '', 'utf8')).toBe(first.endsWith('.wal') ? 'rows' : 'more rows')
    expect(await readFile(second, 'utf8')).toBe(rows)
    expect(await readFile(target, 'utf8')).toBe('old')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
