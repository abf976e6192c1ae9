import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fixture } from '../support/fixtures.js'
import { JobRig } from '../support/job-rig.js'

const TARGET = { release: '1.5.6' }
const HEADERS = 3 * 4096
const BLOCK = 262_144

let folder: string
let rig: JobRig
let source: string
let made: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duckfleet-damaged-'))
  rig = await JobRig.start()
  source = join(await fixture('conformance'), '0.8.1', 'fk_schemas.duckdb')
  made = join(folder, 'made.duckdb')
  await rig.upgrade(source, TARGET, {}, (target) => copyFile(target, made))
})
afterAll(async () => {
  await rig.stop()
  await rm(folder, { recursive: true })
})

/** A copy of the new file, spoilt. */
async function spoilt(spoil: (bytes: Buffer) => Uint8Array): Promise<string> {
  const file = join(folder, 'spoilt.duckdb')
  await writeFile(file, spoil(await readFile(made)))
  return file
}

it('a new file that lacks the block of an index, which no query of rows reads, is no equal one', async () => {
  const cut = await spoilt((bytes) => bytes.subarray(0, bytes.length - BLOCK))
  const difference = {
    code: 'difference',
    message: expect.stringMatching(/^the new file is damaged: it is cut/) as string,
  }
  // Of an old release, and of the same one, which a single engine compares.
  for (const old of [source, made])
    await expect(rig.compare(old, cut, TARGET)).rejects.toMatchObject(difference)
  expect((await rig.compare(source, made, TARGET)).tables).toBe(2)
})

it('a new file of which a block is damaged is told from a damaged source', async () => {
  const flipped = await spoilt((bytes) => {
    bytes[HEADERS + 100] = (bytes[HEADERS + 100] ?? 0) ^ 1
    return bytes
  })
  await expect(rig.compare(source, flipped, TARGET)).rejects.toMatchObject({
    code: 'difference',
    message: expect.stringMatching(
      /^the new file is damaged: the checksum of the block at byte 12288/,
    ) as string,
  })
})
