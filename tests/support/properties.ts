import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Target } from '../../src/migration/upgrade.js'
import { INSTALL_TIMEOUT_MS } from './engines.js'
import { RoundTrip } from './round-trip.js'

/*
 * Random schemas with random values through the whole path. They have the seeds FLEET_SEED, FLEET_SEED + 1 and so on,
 * FLEET_RUNS of them. A failure names its seed: FLEET_SEED=… FLEET_RUNS=1 replays that schema alone. With FLEET_WRITER, such
 * as native:0.7.1, another release writes the files: it takes long to compile, and those of 0.6.1 may break it.
 */
const FIRST_SEED = wholeNumber('FLEET_SEED', 1)
const RUNS = wholeNumber('FLEET_RUNS', 500)
const SCHEMAS_PER_FILE = 25
const TIMEOUT_MS = 300_000

function wholeNumber(variable: string, otherwise: number): number {
  const value = Number(process.env[variable] ?? otherwise)
  if (!Number.isSafeInteger(value)) throw new Error(`${variable} is not a whole number`)
  return value
}

/** Defines the tests for files that `writer` writes, such as `native:0.8.1`; at most `most` schemas. */
export function describeProperties(writer: string, target: Target, most = Infinity): void {
  describe(`schemas that ${writer} wrote`, () => {
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

    it.each(chunks(FIRST_SEED, Math.min(RUNS, most)))(
      'keep every object and every value: seeds $first to $last',
      async ({ first, last }) => {
        const seeds = Array.from({ length: last - first + 1 }, (_, i) => first + i)
        const failure = await trip.run(seeds.map((seed) => trip.schema(seed)))
        if (failure !== undefined) expect.fail(await culprits(trip, seeds, failure))
      },
      TIMEOUT_MS,
    )
  })
}

function chunks(from: number, count: number): { first: number; last: number }[] {
  return Array.from({ length: Math.ceil(count / SCHEMAS_PER_FILE) }, (_, i) => {
    const first = from + i * SCHEMAS_PER_FILE
    return { first, last: Math.min(first + SCHEMAS_PER_FILE, from + count) - 1 }
  })
}

/** Runs schemas of a file that failed one by one, to name those at fault. */
async function culprits(trip: RoundTrip, seeds: readonly number[], failure: string): Promise<string> {
  const found: string[] = []
  for (const seed of seeds) {
    const schema = trip.schema(seed)
    const why = seeds.length === 1 ? failure : await trip.run([schema])
    if (why !== undefined)
      found.push(`FLEET_SEED=${seed} FLEET_RUNS=1: ${why}\n${schema.statements.join(';\n')}`)
  }
  return found.length > 0 ? found.join('\n\n') : `only together: ${failure}`
}
