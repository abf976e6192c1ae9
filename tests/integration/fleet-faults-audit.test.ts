import { mkdir, writeFile } from 'node:fs/promises'
import { CreateMultipartUploadCommand } from '@aws-sdk/client-s3'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { CLEAN, audit } from '../support/chaos-audit.js'
import { load, trackerIds } from '../support/chaos-cargo.js'
import { TestFleet } from '../support/fleet.js'

let fleet: TestFleet
beforeEach(async () => {
  fleet = await TestFleet.create()
})
afterEach(async () => {
  await fleet.dispose()
})

it('the audit of the fault tests finds each thing that may not be', async () => {
  await fleet.declareQueues()
  const cargo = await load(fleet, 's3-s3', trackerIds(4))
  const [lost, damaged, changed, failed] = cargo
  if (!lost || !damaged || !changed || !failed) throw new Error('there are too few samples')
  const noDatabase = Buffer.from('no database')
  await fleet.destination.put(damaged.key, noDatabase)
  // The source itself is no file of the new release: it has to be found too.
  await fleet.destination.put(changed.key, changed.sample.bytes)
  await fleet.source.put(changed.sourceKey, noDatabase)
  await fleet.destination.put('56/strange.duckdb', noDatabase)
  await mkdir(fleet.path('work', 'duckfleet-1-0'))
  const temp = fleet.path('dst', '.duckfleet-01234567-89ab-cdef-0123-456789abcdef.tmp')
  await writeFile(temp, '')
  const { client, name } = fleet.destination
  await client.send(new CreateMultipartUploadCommand({ Bucket: name, Key: 'part' }))
  await fleet.send('small', lost.body)
  // Says its whole environment, passwords included, and ends.
  await fleet.consume('small', { wrapper: ['sh', '-c', 'env | grep -E "^(RABBIT|AWS_SECRET)" >&2'] }).ended

  const found = await audit(fleet, cargo, [failed.tracker])
  expect(found).toMatchObject({
    lost: [lost.tracker],
    damaged: [expect.stringContaining(damaged.tracker), expect.stringContaining(changed.tracker)] as string[],
    strange: ['56/strange.duckdb'],
    changedSources: [changed.tracker],
    waiting: { [fleet.queue]: 1 },
    workFolders: ['duckfleet-1-0'],
    tempFiles: [temp],
    multipartUploads: ['part'],
  })
  expect(found.secrets).toHaveLength(2)
  expect(found.noise).toHaveLength(2)
  expect(Object.keys(found).sort()).toEqual(Object.keys(CLEAN).sort())
})
