import { afterEach, describe, expect, it } from 'vitest'
import type { Tracker, TrackerFilter, TrackerSource } from '../../src/tracker/port.js'

/** Makes a source that holds these trackers, and takes it away again. */
export interface TrackerHarness {
  create(trackers: readonly Tracker[]): Promise<TrackerSource>
  dispose(): Promise<void>
}

const never = new AbortController().signal
const ALL: TrackerFilter = { trackers: [], sites: [] }
const SOME: readonly Tracker[] = [
  { id: '600700800900100', site: '71' },
  { id: '9324670152232788', site: '56' },
  { id: '93246701522327881234567890', site: '56' },
  { id: 'ä 😀 {site}', site: 'site-x' },
]

/** What every source of trackers promises. */
export function trackerContract(name: string, harness: TrackerHarness): void {
  describe(`tracker contract: ${name}`, () => {
    afterEach(async () => {
      await harness.dispose()
    })

    async function read(source: TrackerSource, filter: TrackerFilter = ALL): Promise<Tracker[]> {
      const found: Tracker[] = []
      for await (const { id, site } of source.trackers(filter, never)) found.push({ id, site })
      return found.sort((a, b) => (a.id < b.id || (a.id === b.id && a.site < b.site) ? -1 : 1))
    }

    it('gives every tracker with its site, as text to the last digit', async () => {
      expect(await read(await harness.create(SOME))).toEqual(SOME)
    })

    it('gives a tracker once, however often it is there, and once for each of its sites', async () => {
      const twice = [
        { id: '1', site: '56' },
        { id: '1', site: '71' },
        { id: '1', site: '56' },
      ]
      expect(await read(await harness.create(twice))).toEqual(twice.slice(0, 2))
    })

    it('gives nothing where nothing is', async () => {
      expect(await read(await harness.create([]))).toEqual([])
    })

    it('chooses by id, by site, and by both', async () => {
      const source = await harness.create(SOME)
      const ids = async (trackers: string[], sites: string[]): Promise<string[]> =>
        (await read(source, { trackers, sites })).map(({ id }) => id)
      expect(await ids(['600700800900100', 'unknown'], [])).toEqual(['600700800900100'])
      expect(await ids([], ['56', 'nowhere'])).toEqual(['9324670152232788', '93246701522327881234567890'])
      expect(await ids(['9324670152232788', '600700800900100'], ['71'])).toEqual(['600700800900100'])
      expect(await ids(["' OR true --"], [])).toEqual([])
    })

    it('gives thousands, and can be left early and asked again', async () => {
      const many = Array.from({ length: 2500 }, (_, index) => ({ id: `${10_000 + index}`, site: '5' }))
      const source = await harness.create(many)
      for await (const { site } of source.trackers(ALL, never)) {
        expect(site).toBe('5')
        break
      }
      expect(await read(source)).toEqual(many)
    })

    it('stops when it is told to, before the first and in between', async () => {
      const source = await harness.create(SOME)
      const read = async (signal: AbortSignal, stop: () => void): Promise<void> => {
        for await (const tracker of source.trackers(ALL, signal)) {
          expect(tracker.id).not.toBe('')
          stop()
        }
      }
      await expect(read(AbortSignal.abort(), () => undefined)).rejects.toMatchObject({ code: 'aborted' })
      const controller = new AbortController()
      const stopped = read(controller.signal, () => {
        controller.abort()
      })
      await expect(stopped).rejects.toMatchObject({ code: 'aborted' })
    })

    it('can be closed twice', async () => {
      const source = await harness.create(SOME)
      await source.close()
      await expect(source.close()).resolves.toBeUndefined()
    })
  })
}
