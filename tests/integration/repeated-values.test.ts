import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fixture } from '../support/fixtures.js'
import { JobRig } from '../support/job-rig.js'
import { readFrom } from '../support/neo.js'

/*
 * Lists and maps that are the same in every row: what they hold is stored once, and old engines read something else when
 * they are asked for the hash or the text of such a column.
 */

let rig: JobRig
beforeAll(async () => {
  rig = await JobRig.start()
})
afterAll(async () => {
  await rig.stop()
})

const VALUES: Readonly<Record<string, string>> = {
  m: '{1=41.625}',
  n: '{1=[1, 1]}',
  o: '{k=v}',
  h: '{1=[7, 7]}',
  l: '[{k=v}, {k=v}]',
  s: `{'m': {1=[2, 2]}, 'g': [[3, 3], [3]]}`,
  b: String.raw`[\xAA, \xAA]`,
  u: '[[6, 6], [6]]',
}

it.each(['0.6.1', '0.7.1'])(
  'values of %s that are the same in every row are upgraded and verified',
  async (release) => {
    const file = path.join(await fixture('made'), `repeated-${release}.duckdb`)
    const found: Record<string, readonly string[]> = {}
    const result = await rig.upgrade(file, { release: '1.5.6' }, {}, async (target) => {
      for (const column of Object.keys(VALUES))
        found[column] = await readFrom(target, `SELECT CAST(${column} AS VARCHAR) FROM t`)
    })
    expect(result).toMatchObject({ tables: 1, rows: 5 })
    for (const [column, value] of Object.entries(VALUES))
      expect(found[column]).toEqual(Array.from({ length: 5 }, () => value))
  },
)

/** What 0.6.1 was told to store; asked for a text or a CAST of its maps, it gives that of another row. */
const KEPT: readonly string[] = [
  `2 {21=3} {'2003-01-01 00:00:00'=c} {'a': 1 month, 'm': {c=3}} [NULL]`,
  `4 - - {'a': NULL, 'm': NULL} -`,
  `5 {41=7, 42=8} {'2006-01-01 00:00:00'=f} {'a': NULL, 'm': {g=9, h=10, i=11}} [{j=J, k=K}]`,
  `3 - {'2004-01-01 00:00:00'=d, '2005-01-01 00:00:00'=NULL} - []`,
]

it('maps of 0.6.1 beside deleted rows are upgraded and verified', async () => {
  const file = path.join(await fixture('made'), 'deleted-0.6.1.duckdb')
  const columns = ['i', 'm', 'n', 's', 'l'].map((name) => `coalesce(CAST(${name} AS VARCHAR), '-')`)
  let found: readonly string[] = []
  const result = await rig.upgrade(file, { release: '1.5.6' }, {}, async (target) => {
    found = await readFrom(target, `SELECT ${columns.join(` || ' ' || `)} FROM t`)
  })
  expect(result).toMatchObject({ tables: 1, rows: 4 })
  expect(found).toEqual(KEPT)
})
