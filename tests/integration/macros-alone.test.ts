import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fixture } from '../support/fixtures.js'
import { JobRig } from '../support/job-rig.js'
import { readFrom } from '../support/neo.js'

/*
 * Macros with defaults, and such that give tables, beside what 0.6 and 0.7 cannot EXPORT: named types that are no ENUMs,
 * lists of UNIONs, and a table that is not to be written once more.
 */

let rig: JobRig
beforeAll(async () => {
  rig = await JobRig.start()
})
afterAll(async () => {
  await rig.stop()
})

const CALLS: Readonly<Record<string, string>> = {
  'plus(1)': '6',
  'plus(1, b := 2)': '3',
  "texts('a')": "ait's1.5-31e+300",
  "texts('a', c := 'z')": 'z',
  '"s 2"."m 3"(4)': '40',
  '(SELECT sum(ik) FROM numbers())': '100000.0',
  '(SELECT count(*) FROM found(7))': '1',
  'counted()': '1',
  'felt()': 'ok',
}

it.each(['0.6.1', '0.7.1'])(
  'macros of %s are read whole from a copy that holds nothing else',
  async (release) => {
    const file = path.join(await fixture('made'), `macros-${release}.duckdb`)
    const found: Record<string, string | undefined> = {}
    const result = await rig.upgrade(file, { release: '1.5.6' }, {}, async (target) => {
      for (const call of Object.keys(CALLS))
        found[call] = (await readFrom(target, `SELECT CAST(${call} AS VARCHAR)`))[0]
    })
    expect(result).toMatchObject({ tables: 1, rows: 2 })
    expect(found).toEqual(CALLS)
  },
)
