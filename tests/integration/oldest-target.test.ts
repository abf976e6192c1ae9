import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { duckdbFiles } from '../../src/cli/duckdb-files.js'
import { ensureEngine, INSTALL_TIMEOUT_MS } from '../support/engines.js'
import { fixture } from '../support/fixtures.js'
import { JobRig } from '../support/job-rig.js'
import { readFrom, runOn } from '../support/neo.js'

/*
 * The oldest target that is driven by @duckdb/node-api, whose interface has changed since.
 */

let folder: string
let rig: JobRig
beforeAll(async () => {
  await ensureEngine('neo:1.1.3')
  rig = await JobRig.start()
  folder = await mkdtemp(join(tmpdir(), 'duckfleet-oldest-'))
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await rig.stop()
  await rm(folder, { recursive: true })
})

it('the sample trackers are upgraded to 1.1.3, and from there to the newest release', async () => {
  const files = await duckdbFiles(await fixture('trackers'))
  expect(files.length).toBeGreaterThan(2)
  for (const file of files) {
    const between = join(folder, 'between.duckdb')
    const old = await rig.upgrade(file, { release: '1.1.3' }, {}, (target) => copyFile(target, between))
    // 1.1 and 1.5 write the same format by default.
    const { rows } = await rig.upgrade(between, { release: '1.5.6', storageVersion: 'v1.4.0' })
    expect(rows).toBe(old.rows)
  }
})

it('macros whose parameters with defaults are listed in another order than before are no difference', async () => {
  const file = join(folder, 'macros.duckdb')
  await runOn(
    file,
    `CREATE MACRO m(a, b := 1, c := 'x, (y', d := 2, e := NULL) AS [a, b, d, e, length(c)::INTEGER]`,
  )
  await rig.upgrade(file, { release: '1.1.3' }, {}, async (target) => {
    expect(await readFrom(target, 'SELECT m(0, e := 9)')).toEqual([JSON.stringify([0, 1, 2, 9, 5])])
  })
  const other = join(folder, 'other.duckdb')
  await runOn(
    other,
    `CREATE MACRO m(a, b := 2, c := 'x, (y', d := 1, e := NULL) AS [a, b, d, e, length(c)::INTEGER]`,
  )
  await expect(rig.compare(file, other, { release: '1.1.3' })).rejects.toMatchObject({ code: 'difference' })
})

it.each([
  ['a view', 'CREATE VIEW v AS SELECT * RENAME (a AS b) FROM (SELECT 1 AS a)'],
  ['a type', 'CREATE TABLE t (a TIME_NS)'],
])('%s that is newer than the target is no damage', async (_, statement) => {
  const file = join(folder, 'newer.duckdb')
  await rm(file, { force: true })
  await runOn(file, statement)
  const refusal = {
    code: 'unsupported',
    message: expect.stringMatching(/^the file cannot be read: .*created by 1\.5\.6.*newer target/) as string,
  }
  await expect(rig.check(file, { release: '1.1.3' })).rejects.toMatchObject(refusal)
  const bytes = await readFile(file)
  bytes.writeUInt8(bytes.readUInt8(3 * 4096 + 100) ^ 1, 3 * 4096 + 100)
  await writeFile(file, bytes)
  await expect(rig.check(file, { release: '1.1.3' })).rejects.toMatchObject({ code: 'corrupt' })
})
