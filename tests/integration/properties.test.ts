import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { INSTALL_TIMEOUT_MS } from '../support/engines.js'
import { RoundTrip } from '../support/round-trip.js'

/*
 * Random schemas with random values through the whole path. Schemas have the seeds FLEET_SEED, FLEET_SEED + 1 and so on,
 * FLEET_RUNS of them: a failure names its seed, and FLEET_SEED=… FLEET_RUNS=1 replays it alone.
 */
const FIRST_SEED = Number(process.env['FLEET_SEED'] ?? '1')
const RUNS = Number(process.env['FLEET_RUNS'] ?? '500')
const SCHEMAS_PER_FILE = 25

const CASES = [
  { writer: 'native:0.8.1', target: { release: '1.5.6' }, runs: RUNS },
  { writer: 'neo:1.5.6', target: { release: '1.5.6', storageVersion: 'v1.5.0' }, runs: RUNS },
  { writer: 'neo:1.4.4', target: { release: '1.5.6', storageVersion: 'v1.5.0' }, runs: Math.min(RUNS, 50) },
] as const

describe.each(CASES)('schemas written by $writer', ({ writer, target, runs }) => {
  let folder: string
  let trip: RoundTrip

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'duckfleet-properties-'))
    trip = await RoundTrip.prepare({ folder, writer, target })
  }, INSTALL_TIMEOUT_MS)
  afterAll(async () => {
    await trip.close()
    await rm(folder, { recursive: true })
  })

  it.each(chunks(FIRST_SEED, runs))(
    'keep every object and every value: seeds $first to $last',
    async ({ first, last }) => {
      const schemas = Array.from({ length: last - first + 1 }, (_, i) => trip.schema(first + i))
      const failure = await trip.run(schemas)
      if (failure === undefined) return
      // One by one, so that the culprits can be named and replayed.
      const culprits: string[] = []
      for (const schema of schemas) {
        const why = schemas.length === 1 ? failure : await trip.run([schema])
        if (why !== undefined)
          culprits.push(`FLEET_SEED=${schema.seed} FLEET_RUNS=1: ${why}\n${schema.statements.join(';\n')}`)
      }
      expect.fail(culprits.length > 0 ? culprits.join('\n\n') : `only together: ${failure}`)
    },
  )
})

function chunks(from: number, count: number): { first: number; last: number }[] {
  return Array.from({ length: Math.ceil(count / SCHEMAS_PER_FILE) }, (_, i) => {
    const first = from + i * SCHEMAS_PER_FILE
    return { first, last: Math.min(first + SCHEMAS_PER_FILE, from + count) - 1 }
  })
}
