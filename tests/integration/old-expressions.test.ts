import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fixture } from '../support/fixtures.js'
import { JobRig } from '../support/job-rig.js'
import { readFrom } from '../support/neo.js'

/* What expressions of 0.6 and 0.7 compute stays what it was, or is reported. Up to 0.7 a division of integers gives one. */

let rig: JobRig
beforeAll(async () => {
  rig = await JobRig.start()
})
afterAll(async () => {
  await rig.stop()
})

const ROWS = ['3 3.0 -3 3.5 1.0 abcde2 1.0', '7 3.0 -3 3.5 2.0 x0 1.25', '-7 3.0 -3 3.5 -2.0 x0 -']

it.each(['0.6.1', '0.7.1'])('integers that %s divides without remainder', async (release) => {
  const file = path.join(await fixture('made'), `division-${release}.duckdb`)
  const columns = ['a', 'e', 'f', 'h', 'g', 'j', 'k'].map((name) => `coalesce(CAST(${name} AS VARCHAR), '-')`)
  const text = (relation: string, column: string): string =>
    `SELECT DISTINCT ${column} FROM ${relation} WHERE NOT internal AND ${column} LIKE '%/%' ORDER BY 1`
  let found: Record<string, readonly string[]> = {}
  const { warnings } = await rig.upgrade(file, { release: '1.5.6' }, {}, async (target) => {
    found = {
      rows: await readFrom(target, `SELECT ${columns.join(` || ' ' || `)} FROM t`),
      more: await readFrom(target, 'SELECT CAST(more(1) AS VARCHAR)'),
      defaults: await readFrom(target, text('duckdb_columns()', 'column_default')),
      checks: await readFrom(
        target,
        `SELECT constraint_text FROM duckdb_constraints() WHERE constraint_type = 'CHECK' ORDER BY 1`,
      ),
      index: await readFrom(target, 'SELECT expressions FROM duckdb_indexes()'),
    }
  })
  expect(found).toEqual({
    rows: ROWS,
    more: ['4'],
    defaults: expect.arrayContaining(['(-7 // 2)', '(7 // 2)', '(7 / 2.0)']) as unknown,
    checks: [
      expect.stringContaining('a // 2') as unknown,
      expect.stringMatching(/d \/ (2|nullif)/) as unknown,
    ],
    index: [expect.stringContaining('a // 2') as unknown],
  })
  const divided = warnings.filter((warning) => warning.includes('divides with /'))
  expect(divided.map((warning) => warning.split(' divides')[0])).toEqual([
    'view main.v',
    'macro main.half',
    'macro main.several',
  ])
})

it.each(['0.6.1', '0.7.1'])('divisions by 0, slices and subscripts of maps of %s', async (release) => {
  const file = path.join(await fixture('made'), `meaning-${release}.duckdb`)
  const columns = ['q', 'u', 'w', 'k'].map((name) => `coalesce(${name}::VARCHAR, '-')`)
  let found: readonly string[] = []
  await rig.upgrade(file, { release: '1.5.6' }, {}, async (target) => {
    found = [
      ...(await readFrom(target, `SELECT ${columns.join(` || ' ' || `)} FROM t`)),
      ...(await readFrom(target, `SELECT string_agg(u, ' ') FROM v`)),
      ...(await readFrom(target, `SELECT inner_part('abcdef')`)),
    ]
  })
  expect(found).toEqual(['- ab bc [1]', '1.5 na ay []', '- q q []', '- - - []', 'ab na q', 'bcde'])
})

it.each(['0.6.1', '0.7.1'])('NULLs that %s sorts first', async (release) => {
  const file = path.join(await fixture('made'), `order-${release}.duckdb`)
  let found: readonly string[] = []
  const { warnings } = await rig.upgrade(file, { release: '1.5.6' }, {}, async (target) => {
    found = [
      ...(await readFrom(target, `SELECT coalesce(CAST(a AS VARCHAR), '-') FROM rows_in_order`)),
      ...(await readFrom(target, `SELECT coalesce(CAST(b AS VARCHAR), '-') || ' ' || n FROM numbered`)),
      ...(await readFrom(target, 'SELECT CAST(l AS VARCHAR) FROM listed')),
      ...(await readFrom(target, 'SELECT CAST(in_order(1) AS VARCHAR)')),
    ]
  })
  expect(found).toEqual(['-', '3', '1 3', '2 1', '3 4', '- 2', '[NULL, 1, 2, 3]', '[NULL, 2, 3]'])
  expect(warnings).toEqual([])
})

it.each(['0.7.1', '0.8.1'])(
  'what %s casts to JSON, a type that no engine has while it opens a file',
  async (release) => {
    const file = path.join(await fixture('made'), `json-${release}.duckdb`)
    let found: readonly string[] = []
    const { warnings } = await rig.upgrade(file, { release: '1.5.6' }, {}, async (target) => {
      found = [
        ...(await readFrom(
          target,
          `SELECT i || ' ' || coalesce(CAST(g AS VARCHAR), '-') || ' ' || typeof(g) || ' ' || j FROM t`,
        )),
        ...(await readFrom(
          target,
          `SELECT constraint_text FROM duckdb_constraints() WHERE constraint_type = 'CHECK'`,
        )),
      ]
    })
    expect(found).toEqual([
      '1 [1, 2] JSON {"a": 1}',
      '2 - JSON {"a": 1}',
      expect.stringContaining('CAST(v AS "JSON")') as string,
    ])
    expect(warnings[0]).toMatch(/generated column main\.t\.g is carried, but its values were not compared/)
  },
)

it('a file with casts to JSON is called damaged where a block of it is, although JSON is what it lacks first', async () => {
  const bytes = await readFile(path.join(await fixture('made'), 'json-0.8.1.duckdb'))
  const block = 262_144
  bytes.fill(0, 3 * 4096 + block, 3 * 4096 + 2 * block)
  const folder = await mkdtemp(path.join(tmpdir(), 'duckfleet-damaged-'))
  try {
    const file = path.join(folder, 'damaged.duckdb')
    await writeFile(file, bytes)
    await expect(rig.upgrade(file, { release: '1.5.6' })).rejects.toMatchObject({ code: 'corrupt' })
  } finally {
    await rm(folder, { recursive: true })
  }
})
