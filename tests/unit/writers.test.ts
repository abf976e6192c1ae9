import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createEfsStore } from '../../src/store/efs.js'
import type { Store, StoredFile } from '../../src/store/port.js'

const signal = new AbortController().signal

/** Opens a database, says so, and keeps it open. */
const OPEN = `
const { DuckDBInstance } = require('@duckdb/node-api')
DuckDBInstance.create(process.argv[1], { access_mode: process.argv[2] }).then(async (instance) => {
  globalThis.connection = await instance.connect()
  console.log('open')
  setInterval(() => undefined, 1000)
})`

let folder: string
let store: Store
let child: ChildProcess | undefined
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'duckfleet-writers-'))
  store = createEfsStore(folder)
  await open('READ_WRITE')
  await close()
})
afterEach(async () => {
  await close()
  await rm(folder, { recursive: true, force: true })
})

async function open(mode: 'READ_WRITE' | 'READ_ONLY'): Promise<void> {
  child = spawn(process.execPath, ['-e', OPEN, path.join(folder, 'a.duckdb'), mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (child.stdout !== null) await once(child.stdout, 'data')
}

async function close(): Promise<void> {
  const ended = child === undefined ? undefined : once(child, 'exit')
  child?.kill('SIGKILL')
  await ended
  child = undefined
}

async function known(): Promise<StoredFile> {
  const { file } = await store.stat('a.duckdb', signal)
  if (file === undefined) throw new Error('there is no database')
  return file
}

async function replace(): Promise<void> {
  const from = path.join(folder, 'finished')
  await writeFile(from, 'new')
  try {
    await store.publish(from, 'a.duckdb', { metadata: {}, replaces: await known() }, signal)
  } finally {
    await rm(from, { force: true })
  }
}

it('does not replace a database that somebody has open, who would put the next WAL beside the new file', async () => {
  await open('READ_WRITE')
  const refused = {
    code: 'transient',
    message: expect.stringContaining('is open for writing in the process') as string,
  }
  await expect(store.backup('a.duckdb', await known(), '.bak', signal)).rejects.toMatchObject(refused)
  await expect(replace()).rejects.toMatchObject(refused)
  expect(await readdir(folder)).toEqual(['a.duckdb'])
  await close()
  await store.backup('a.duckdb', await known(), '.bak', signal)
  await replace()
  expect((await readdir(folder)).sort()).toEqual(['a.duckdb', 'a.duckdb.bak'])
})

it('replaces one that somebody only reads', async () => {
  await open('READ_ONLY')
  await replace()
  expect(await readdir(folder)).toEqual(['a.duckdb'])
})
