import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { duckdbFiles } from '../../src/cli/duckdb-files.js'
import { PROJECT } from '../support/cli.js'

const run = promisify(execFile)

/** The commands of each block that is marked `<!-- tested -->`. */
async function testedBlocks(): Promise<string[]> {
  const text = await readFile(join(PROJECT, 'README.md'), 'utf8')
  return [...text.matchAll(/^<!-- tested -->\n\n```sh\n(.*?)^```$/gms)].map(([, commands]) => commands ?? '')
}

describe('the commands of the README, in a checkout, one block after another', async () => {
  const blocks = await testedBlocks()
  let checkout: string
  beforeAll(async () => {
    checkout = await mkdtemp(join(tmpdir(), 'duckfleet-readme-'))
    await copyFile(join(PROJECT, 'package.json'), join(checkout, 'package.json'))
    // What `npm link` does, but for this test only.
    await mkdir(join(checkout, 'bin'))
    const script = `#!/bin/sh\nexec '${process.execPath}' '${join(PROJECT, 'dist/src/cli/main.js')}' "$@"\n`
    await writeFile(join(checkout, 'bin', 'duckfleet'), script, { mode: 0o755 })
    for (const name of ['dist', 'node_modules', 'tests'])
      await symlink(join(PROJECT, name), join(checkout, name))
  })
  afterAll(async () => {
    await rm(checkout, { recursive: true })
  })

  it('are some', () => {
    expect(blocks.length).toBe(3)
  })

  it.each(blocks)('%s', async (commands) => {
    const path = `${join(checkout, 'bin')}:${process.env['PATH'] ?? ''}`
    const { stdout } = await run('bash', ['-e', '-c', commands], {
      cwd: checkout,
      env: { ...process.env, PATH: path },
    })
    expect(stdout).toMatch(/5 migrated|5 messages/)
  })

  it('leave what the README says they do', async () => {
    for (const folder of ['demo-fleet/old', 'demo-fleet/new', 'upgraded', 'fleet/upgraded'])
      expect(await duckdbFiles(join(checkout, folder))).toHaveLength(5)
  })
})
