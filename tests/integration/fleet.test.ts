import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ROUTES } from '../../src/fleet/route.js'
import type { Route } from '../../src/fleet/route.js'
import { runCli } from '../support/cli.js'
import { TestFleet, reportsOf } from '../support/fleet.js'
import { fixture } from '../support/fixtures.js'

/** Between the sizes of the samples, so that both queues get some. */
const BIG_FROM = '2000000'

let fleet: TestFleet
/** The samples, by `{site}/{tracker}/{file}`. */
let samples: Map<string, Buffer>

beforeEach(async () => {
  fleet = await TestFleet.create()
  fleet.environment['BIG_FROM'] = BIG_FROM
  samples = await readSamples()
  const trackers = new Set([...samples.keys()].map(dirname))
  await fleet.addTrackers([...trackers].map((folder) => ({ site: dirname(folder), id: basename(folder) })))
})
afterEach(async () => {
  await fleet.dispose()
})

async function readSamples(): Promise<Map<string, Buffer>> {
  const folder = await fixture('trackers')
  const found = new Map<string, Buffer>()
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.endsWith('.duckdb')) continue
    const parts = name.split('/').slice(-3)
    found.set(parts.join('/'), await readFile(join(folder, name)))
  }
  return found
}

async function addSources(route: Route): Promise<void> {
  for (const [key, bytes] of samples) {
    if (route.startsWith('s3')) {
      const [, tracker = '', file = ''] = key.split('/')
      await fleet.source.put(`tracker-migration/${tracker}/${file}`, bytes)
    } else {
      await mkdir(fleet.path('src', dirname(key)), { recursive: true })
      await writeFile(fleet.path('src', key), bytes)
    }
  }
}

/** The finished files in a local folder, by key. */
async function collect(route: Route): Promise<string> {
  if (route.endsWith('efs')) return fleet.path('dst')
  const folder = fleet.path('collected')
  for (const key of await fleet.destination.names()) {
    await mkdir(join(folder, dirname(key)), { recursive: true })
    await writeFile(join(folder, key), (await fleet.destination.get(key)) ?? '')
  }
  return folder
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}

describe('a whole campaign', () => {
  it.each(ROUTES)('upgrades every file of every tracker, %s', async (route) => {
    await addSources(route)
    const published = await fleet.publish(route)
    expect(published).toMatchObject({ code: 0, stderr: expect.not.stringContaining('Warning') as string })
    expect(Object.keys(await fleet.waiting()).sort()).toEqual([fleet.queue, `${fleet.queue}_big`])

    const workers = (['small', 'small', 'big', 'big'] as const).map((size) => fleet.consume(size))
    for (const { ended } of workers) {
      const { code, stderr } = await ended
      expect(code, stderr.slice(-2000)).toBe(0)
    }

    const reports = [...reportsOf(workers).values()]
    expect(reports.map(({ outcome, error }) => [outcome, error])).toEqual(
      [...samples].map(() => ['migrated', null]),
    )
    expect(await fleet.waiting()).toEqual({})
    expect(await fleet.leftovers()).toEqual([])
    const finished = await collect(route)
    expect(await filesIn(finished)).toEqual([...samples.keys()].sort())
    const originals = fleet.path('originals')
    for (const [key, bytes] of samples) {
      await mkdir(join(originals, dirname(key)), { recursive: true })
      await writeFile(join(originals, key), bytes)
      const verified = await runCli(['verify', join(originals, key), join(finished, key)], {
        workDir: fleet.path('work'),
      })
      expect(verified).toMatchObject({ code: 0 })
    }
  })

  it('waits for its first message only when it is connected', async () => {
    // Longer than any idle time, on a machine that is busy enough.
    const { code, stderr } = await fleet.consume('small', { idleSeconds: 0 }).ended
    expect(code, stderr.slice(-2000)).toBe(0)
  })

  it('does nothing again when it is published again', async () => {
    await addSources('efs-s3')
    await fleet.publish('efs-s3')
    const sizes = ['small', 'big'] as const
    await Promise.all(sizes.map((size) => fleet.consume(size).ended))
    const before = await collect('efs-s3')
    const digests = await Promise.all((await filesIn(before)).map((name) => readFile(join(before, name))))

    await fleet.publish('efs-s3')
    const again = sizes.map((size) => fleet.consume(size))
    for (const { ended } of again) expect((await ended).code).toBe(0)
    const reports = [...reportsOf(again).values()]
    expect(reports).toHaveLength(samples.size)
    for (const { outcome, warnings } of reports) {
      expect(outcome).toBe('migrated')
      expect(warnings).toContainEqual(expect.stringContaining('was there already and holds the same'))
    }
    const after = await collect('efs-s3')
    const now = await Promise.all((await filesIn(after)).map((name) => readFile(join(after, name))))
    expect(now.every((bytes, i) => digests[i]?.equals(bytes) === true)).toBe(true)
    expect(await fleet.waiting()).toEqual({})
  })

  it.each(['efs', 's3'] as const)(
    'replaces on %s what was there when its messages were published, and nothing later',
    async (datastore) => {
      await addSources('efs-efs')
      const [key = ''] = samples.keys()
      const destination =
        datastore === 's3'
          ? { destination_bucket: fleet.environment['DESTINATION_BUCKET'], dest_key: key }
          : {}
      const body = { source_datastore: 'efs', destination_datastore: datastore, key, ...destination }
      const write = async (bytes: string): Promise<void> => {
        await mkdir(fleet.path('dst', dirname(key)), { recursive: true })
        await (datastore === 's3'
          ? fleet.destination.put(key, Buffer.from(bytes))
          : writeFile(fleet.path('dst', key), bytes))
      }
      const there = async (): Promise<Buffer> =>
        Buffer.from(
          (datastore === 's3' ? await fleet.destination.get(key) : await readFile(fleet.path('dst', key))) ??
            '',
        )
      /** The same message, sent so many seconds ago. */
      const arrives = async (secondsAgo: number): Promise<unknown> => {
        const timestamp = Math.floor(Date.now() / 1000) - secondsAgo
        await fleet.send('small', JSON.stringify(body), { timestamp })
        const worker = fleet.consume('small', { more: { OVERWRITE: 'true' } })
        expect((await worker.ended).code).toBe(0)
        const [report] = reportsOf([worker]).values()
        return [report?.outcome, [...(report?.warnings ?? []), report?.error?.message].join()]
      }
      await fleet.declareQueues()
      await write('old')
      expect(await arrives(-5)).toEqual(['migrated', ''])
      const finished = await there()
      expect(await arrives(60)).toEqual(['migrated', expect.stringContaining('nothing was written')])
      expect(finished.equals(await there())).toBe(true)
      await write('of somebody who works with it')
      expect(await arrives(60)).toEqual([
        'failed',
        expect.stringContaining('after its message was published'),
      ])
      expect(String(await there())).toBe('of somebody who works with it')
      expect(await arrives(-5)).toEqual(['migrated', ''])
      expect((await fleet.takeFailed('small')).map(({ reason }) => reason)).toEqual(['usage'])
    },
  )
})
