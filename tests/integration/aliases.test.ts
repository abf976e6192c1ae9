import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fixture } from '../support/fixtures.js'
import { JobRig } from '../support/job-rig.js'
import { readFrom } from '../support/neo.js'

/*
 * Types that have a name and stand for nested ones, of 0.7.1: its functions refuse such values, and no CAST to what the
 * name stands for makes others of them.
 */

let rig: JobRig
beforeAll(async () => {
  rig = await JobRig.start()
})
afterAll(async () => {
  await rig.stop()
})

const ROWS: readonly (readonly string[])[] = [
  [`[x, 'NULL', '', NULL]`, '[]', '[NULL]', 'null', `['x, y', '[z]']`],
  ['[1, -2, NULL]', '[]', '[NULL]', 'null', '[32767]'],
  ['[[1, 2], [], NULL]', '[]', '[NULL]', 'null', '[[NULL]]'],
  [
    `{'street': a, 'zips': [1, NULL]}`,
    `{'street': '', 'zips': []}`,
    `{'street': NULL, 'zips': NULL}`,
    'null',
    `{'street': 'b, c', 'zips': [3]}`,
  ],
  [`[{'zip': 1}, {'zip': NULL}, NULL]`, '[]', '[NULL]', 'null', `[{'zip': -3}]`],
]

/** Parquet of 0.7 makes a DOUBLE of a HUGEINT, and one timestamp of all. */
const POINT = 'STRUCT(x DOUBLE, y HUGEINT, "at" TIMESTAMP_S, since TIMESTAMP WITH TIME ZONE, many DOUBLE[])'
const POINTS = [
  `{'x': 0.1, 'y': 170141183460469231731687303715884105727, 'at': '2020-01-01 12:00:00', 'since': '2020-01-01 12:00:00.000001+00', 'many': [0.1]}`,
  'null',
]

it('values of named nested types are upgraded and verified', async () => {
  const file = path.join(await fixture('made'), 'aliases-0.7.1.duckdb')
  const found: (readonly string[])[] = []
  const result = await rig.upgrade(file, { release: '1.5.6' }, {}, async (target) => {
    for (const column of ['a', 'b', 'c', 'd', 'e'])
      found.push(await readFrom(target, `SELECT CAST(${column} AS VARCHAR) FROM t ORDER BY i`))
    found.push(await readFrom(target, `SELECT CAST(p AS VARCHAR) FROM points ORDER BY i`))
    found.push(await readFrom(target, `SELECT DISTINCT typeof(p) FROM points`))
  })
  expect(result).toMatchObject({ tables: 2, rows: 7 })
  expect(found).toEqual([...ROWS, POINTS, [POINT]])
})
