import { execFile } from 'node:child_process'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ensureEngine } from '../support/engines.js'
import { JobRig } from '../support/job-rig.js'
import { readFrom } from '../support/neo.js'

/*
 * Nanoseconds, which Arrow and functions of a program bring into a TIMESTAMP_NS, and no SQL of 0.8 does.
 */

let folder: string
let rig: JobRig

beforeAll(async () => {
  folder = await realpath(await mkdtemp(path.join(tmpdir(), 'duckfleet-nanos-')))
  rig = await JobRig.start()
})

afterAll(async () => {
  await rig.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Nanoseconds since 1970. */
const VALUES = [
  '1577836800123456789',
  '1577836800123456001',
  '1577836800123456000',
  '-1',
  '0',
  '9223372036854775806',
]

const WRITE = `
const [modulePath, file, values, ...statements] = process.argv.slice(1)
const { Database } = require(modulePath)
const numbers = JSON.parse(values).map(BigInt)
const database = new Database(file)
const connection = database.connect()
connection.register_udf_bulk('nth', 'TIMESTAMP_NS', ({ rows, args, ret }) => {
  ret.data = new BigInt64Array(rows)
  ret.validity = new Uint8Array(rows).fill(1)
  for (let i = 0; i < rows; i++) ret.data[i] = numbers[args[0].data[i]]
})
const next = () => {
  const sql = statements.shift()
  if (sql === undefined) database.close()
  else connection.run(sql, (error) => { if (error) throw error; next() })
}
next()
`

async function write(name: string, ...statements: readonly string[]): Promise<string> {
  const { modulePath } = await ensureEngine('native:0.8.1')
  const file = path.join(folder, `${name}.duckdb`)
  const args = ['-e', WRITE, modulePath, file, JSON.stringify(VALUES), ...statements, 'CHECKPOINT']
  await promisify(execFile)(process.execPath, args, { timeout: 60_000 })
  return file
}

const NTH = `nth(i::INTEGER) FROM range(${VALUES.length}) r(i)`

it.each([
  ['plain', 'n', `CREATE TABLE t AS SELECT i, ${NTH.replace(' FROM', ' AS n FROM')}`],
  ['in lists', 'n[1]', `CREATE TABLE t AS SELECT i, [${NTH.replace(' FROM', ', NULL] AS n FROM')}`],
  ['in structs', 'n.a', `CREATE TABLE t AS SELECT i, {'a': ${NTH.replace(' FROM', `, 'b': i} AS n FROM`)}`],
  [
    'in maps',
    `map_extract(n, 'k')[1]`,
    `CREATE TABLE t AS SELECT i, map(['k'], [${NTH.replace(' FROM', ']) AS n FROM')}`,
  ],
])('travel %s', async (name, value, create) => {
  const file = await write(name, create, 'INSERT INTO t VALUES (99, NULL)')
  let found: readonly string[] = []
  await rig.upgrade(file, { release: '1.5.6' }, {}, async (target) => {
    found = await readFrom(target, `SELECT CAST(epoch_ns(${value}) AS VARCHAR) FROM t ORDER BY i`)
  })
  expect(found).toEqual([...VALUES, 'null'])
})

it('are refused where the target release has no way to make them', async () => {
  const file = await write('refused', `CREATE TABLE t AS SELECT i, ${NTH.replace(' FROM', ' AS n FROM')}`)
  await expect(rig.upgrade(file, { release: '0.8.1' })).rejects.toThrow(/table main\.t .*nanoseconds/)
})
