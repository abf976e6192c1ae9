import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { CHANGES, isTrue } from '../../src/migration/meaning/meaning-warnings.js'
import { TestEngine } from '../support/database.js'
import { ensureEngine } from '../support/engines.js'

it('changes of meaning that are warned of are there: 0.8.1 says so, and 1.5.6 does not', async () => {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'duckfleet-meaning-')))
  const engines = [await ensureEngine('native:0.8.1'), await ensureEngine('neo:1.5.6')]
  try {
    const answers: boolean[][] = []
    for (const [i, engine] of engines.entries()) {
      const running = await TestEngine.start(engine, folder)
      try {
        const database = await running.open(path.join(folder, `${i}.duckdb`), 'create')
        const said: boolean[] = []
        for (const { probe } of CHANGES) said.push(await isTrue(database, probe))
        answers.push(said)
      } finally {
        await running.stop()
      }
    }
    const [before, after] = answers
    // What changed earlier both say.
    expect(before).toEqual(CHANGES.map(({ releases }) => releases === undefined))
    expect(after).toEqual(CHANGES.map(() => false))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
