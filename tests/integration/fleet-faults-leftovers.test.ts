import { readdirSync } from 'node:fs'
import { mkdtemp, readFile, realpath, rm, symlink } from 'node:fs/promises'
import { basename } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isTempName } from '../../src/store/temp-file.js'
import { CLEAN, audit } from '../support/chaos-audit.js'
import { load } from '../support/chaos-cargo.js'
import type { Cargo } from '../support/chaos-cargo.js'
import { startFaultyProxy } from '../support/faulty-proxy.js'
import type { FaultyProxy } from '../support/faulty-proxy.js'
import { TestFleet } from '../support/fleet.js'
import { runOn } from '../support/neo.js'

let fleet: TestFleet
let proxy: FaultyProxy
beforeEach(async () => {
  fleet = await TestFleet.create()
  proxy = await startFaultyProxy(fleet.source.endpoint)
  fleet.environment['S3_ENDPOINT'] = proxy.endpoint
})
afterEach(async () => {
  await fleet.dispose()
  await proxy.dispose()
})

/** Sends a file that is passed on as it is, and is too big for a single PUT. */
async function sendBig(route: 's3-s3' | 's3-efs'): Promise<Cargo> {
  const file = fleet.path('big.duckdb')
  await runOn(
    file,
    'CREATE TABLE numbers AS SELECT hash(i) AS a, hash(i + 1) AS b FROM range(2500000) AS r(i)',
  )
  const bytes = await readFile(file)
  expect(bytes.length).toBeGreaterThan(2 * 16 * 1024 * 1024)
  const [item] = await load(fleet, route, ['big'])
  if (item === undefined) throw new Error('there is no sample')
  await fleet.source.put(item.sourceKey, bytes)
  await fleet.declareQueues()
  await fleet.send('small', item.body)
  return { ...item, sample: { file, bytes } }
}

describe('a worker that is killed', () => {
  it('while it uploads in parts leaves no part behind once the next one is done', async () => {
    const item = await sendBig('s3-s3')
    const uploading = new Promise<void>((resolve) => {
      proxy.faults = ({ method, url }) => {
        if (method !== 'PUT' || !url.includes('partNumber=2')) return undefined
        resolve()
        return { kind: 'stall' }
      }
    })
    const worker = fleet.consume('small', { idleSeconds: undefined })
    await uploading
    expect(await fleet.destination.uploads()).toEqual([item.key])
    worker.child.kill('SIGKILL')
    await worker.ended
    proxy.faults = () => undefined
    expect((await fleet.consume('small').ended).code).toBe(0)
    expect(await audit(fleet, [item])).toEqual(CLEAN)
  })

  it('while it copies to another file system leaves no unfinished file once the next one is done', async () => {
    const shared = await realpath(await mkdtemp('/dev/shm/duckfleet-dst-'))
    try {
      await rm(fleet.path('dst'), { recursive: true })
      await symlink(shared, fleet.path('dst'))
      const item = await sendBig('s3-efs')
      const worker = fleet.consume('small', { idleSeconds: undefined })
      await worker.logged(({ msg }) => msg === 'check')
      const names = (): string[] =>
        readdirSync(shared, { recursive: true }).map((name) => basename(String(name)))
      while (!names().some(isTempName)) await nextTurn()
      worker.child.kill('SIGKILL')
      await worker.ended
      expect(names().filter(isTempName)).toHaveLength(1)
      expect((await fleet.consume('small').ended).code).toBe(0)
      expect(await audit(fleet, [item])).toEqual(CLEAN)
    } finally {
      await rm(shared, { recursive: true, force: true })
    }
  })
})
