import { copyFile, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { duckdbFiles } from '../../src/cli/duckdb-files.js'
import { createUpgrader, type Upgrader } from '../../src/engine/upgrade.js'
import { HEADER_BYTES, parseHeader, requireDatabase } from '../../src/migration/file/header.js'
import { installedEngines } from '../support/engines.js'
import { fixture } from '../support/fixtures.js'

let slot: string
let upgrader: Upgrader
beforeAll(async () => {
  slot = await realpath(await mkdtemp(join(tmpdir(), 'duckfleet-warm-')))
  upgrader = createUpgrader({ slotFolder: slot, engines: await installedEngines() })
})
afterAll(async () => {
  await upgrader.close()
  await rm(slot, { recursive: true })
})

async function upgrade(file: string): Promise<void> {
  const folder = await mkdtemp(join(slot, 'job-'))
  const source = join(folder, 'old.duckdb')
  await copyFile(file, source)
  const bytes = await readFile(source)
  const header = requireDatabase(parseHeader(bytes.subarray(0, HEADER_BYTES), bytes.length), source)
  await mkdir(join(folder, 'new'))
  const request = {
    source,
    header,
    destination: join(folder, 'new', 'new.duckdb'),
    folder,
    target: { release: '1.5.6' },
    verify: 'full',
    memory: 1e9,
    threads: 1,
  } as const
  await upgrader.upgrade(request, new AbortController().signal)
  await rm(folder, { recursive: true })
}

/** Files of the slot that any process holds open, with the mark of those that are gone. */
async function openFiles(): Promise<string[]> {
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const open = processes.map(async (pid) => {
    const folder = `/proc/${pid}/fd`
    const descriptors = await readdir(folder).catch(() => [])
    return Promise.all(descriptors.map((fd) => readlink(join(folder, fd)).catch(() => '')))
  })
  return (await Promise.all(open)).flat().filter((file) => file.startsWith(`${slot}/`))
}

it.runIf(process.platform === 'linux')(
  'a warm engine keeps no file of earlier jobs open but the last source, whose place on the disk would be lost',
  async () => {
    const trackers = await duckdbFiles(await fixture('trackers'))
    for (const tracker of [...trackers, ...trackers]) await upgrade(tracker)
    const open = await openFiles()
    // One for each source engine: the next small file takes its place.
    expect(open.every((file) => file.endsWith('/old.duckdb (deleted)'))).toBe(true)
    expect(open.length).toBeLessThanOrEqual(3)
  },
)
