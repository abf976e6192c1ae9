import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DuckfleetError } from '../../src/errors.js'
import { fixture } from '../support/fixtures.js'
import { type Interference, JobRig } from '../support/job-rig.js'
import {
  catalogMutations,
  cloneMutations,
  rowMutations,
  stableSource,
  valueMutations,
} from '../support/mutations.js'
import { change, runOn, rewriteParquet } from '../support/neo.js'

const NEWEST = { release: '1.5.6' }

let rig: JobRig
let rich: string
let folder: string
let stable: string
beforeAll(async () => {
  rig = await JobRig.start()
  rich = join(await fixture('made'), 'rich-0.8.1.duckdb')
  folder = await mkdtemp(join(tmpdir(), 'duckfleet-mutations-'))
  stable = join(folder, 'stable.duckdb')
  await runOn(stable, ...stableSource)
})
afterAll(async () => {
  await rig.stop()
  await rm(folder, { recursive: true })
})

/** The job must fail, and say which table, column or object is not what it was. */
async function expectFound(job: Promise<unknown>, named: RegExp): Promise<void> {
  const error = await job.then(
    () => new Error('the mutation survived'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(DuckfleetError)
  expect(error).toMatchObject({ code: 'difference', message: expect.stringMatching(named) as string })
}

/** Changes the Parquet file of one table. */
function inExport(table: string, query: string): Interference {
  return {
    exported: async (name, file) => {
      if (name === table) await rewriteParquet(file, query)
    },
  }
}

function inTarget(statements: readonly string[]): Interference {
  return { imported: (target) => runOn(target, ...statements) }
}

describe('a value or a row that changes between export and import', () => {
  it('is not seen where nothing but the encoding of the Parquet file changes', async () => {
    const untouched = inExport('main.vals', 'SELECT * FROM exported')
    expect(await rig.upgrade(rich, NEWEST, untouched)).toMatchObject({ tables: 12 })
  })

  it.each(valueMutations)('fails the job: $column, $what', async ({ column, query }) => {
    await expectFound(
      rig.upgrade(rich, NEWEST, inExport('main.vals', query)),
      new RegExp(`main\\.vals(\\.${column})?\\b`),
    )
  })

  it.each(rowMutations)('fails the job: $what', async ({ table, query }) => {
    await expectFound(
      rig.upgrade(rich, NEWEST, inExport(table, query)),
      new RegExp(table.replace('.', '\\.')),
    )
  })
})

describe('a value of a struct with many fields that changes between export and import', () => {
  /** The struct with another value for one of its fields. */
  const withField = (struct: string, count: number, changed: number, to: string): string => {
    const fields = Array.from({ length: count }, (_, i) =>
      i === changed ? `f${i} := ${to}` : `f${i} := ${struct}.f${i}`,
    )
    return `struct_pack(${fields.join(', ')})`
  }

  it.each([
    { what: 'one number', carrier: 'c1', to: withField('c1', 100, 99, '98::INTEGER') },
    { what: 'one number that travels as text', carrier: 'c2', to: withField('c2', 300, 299, `'298'`) },
    { what: 'one letter', carrier: 'c3', to: withField('c3', 700, 0, `'V0'`) },
    { what: 'the order of a list of structs', carrier: 'c4', to: 'list_reverse(c4)' },
  ])('fails the job: $what', async ({ carrier, to }) => {
    const wide = join(await fixture('tables'), '0.8.1', 'wide_structs.duckdb')
    const changed = inExport('main.t', change(carrier, to, 'c0 = 1'))
    await expectFound(rig.upgrade(wide, NEWEST, changed), /main\.t\b/)
  })
})

describe('a change of the finished file', () => {
  it('is not seen where nothing changes', async () => {
    expect(await rig.upgrade(rich, NEWEST, inTarget(['SELECT 1']))).toMatchObject({ tables: 12 })
  })

  it.each(catalogMutations)('fails the job: $what', async ({ named, statements }) => {
    await expectFound(rig.upgrade(rich, NEWEST, inTarget(statements)), named)
  })
})

describe('a change of the finished file of a copy from 0.9 or later', () => {
  const target = { release: '1.5.6', storageVersion: 'v1.5.0' }

  it('is not seen where nothing changes', async () => {
    expect(await rig.upgrade(stable, target, inTarget(['SELECT 1']))).toMatchObject({ tables: 10 })
  })

  it.each(cloneMutations)('fails the job: $what', async ({ named, statements }) => {
    await expectFound(rig.upgrade(stable, target, inTarget(statements)), named)
  })
})
