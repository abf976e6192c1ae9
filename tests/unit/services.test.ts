import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PROJECT } from '../support/cli.js'
import { services } from '../support/services.js'

const run = promisify(execFile)
const SCRIPT = path.join(PROJECT, 'tests', 'services', 'services.sh')

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'duckfleet-services-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** The script without any variable of this process but PATH, before which `programs` goes. */
async function script(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  programs = '',
): Promise<{ stdout: string; stderr: string }> {
  const PATH = [programs, process.env['PATH'] ?? ''].filter((entry) => entry !== '').join(':')
  const state = path.join(folder, 'state')
  return await run(SCRIPT, args, { env: { PATH, DUCKFLEET_SERVICES: state, ...env } })
}

/** A `docker` that answers everything, and writes down what it was asked. */
async function fakeDocker(): Promise<{ asked: () => Promise<string[]> }> {
  const log = path.join(folder, 'log')
  await writeFile(path.join(folder, 'docker'), `#!/bin/sh\necho "$@" >>'${log}'\n`, { mode: 0o755 })
  return {
    asked: async () => {
      const lines = (await readFile(log, 'utf8')).trimEnd().split('\n')
      return lines.map((line) => line.replace(/^(compose) --project-name .*\.yml /, '$1 '))
    },
  }
}

describe('services.sh', () => {
  it('uses what the variables name, if it answers, and stops none of it', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const url = `postgresql://me:${encodeURIComponent('p@ss/word')}@127.0.0.1:${port}/mine`
    const { stdout, stderr } = await script(['start', '--only', 'postgres'], { DATABASE_URL: url })
    expect(stdout).toBe(`export DATABASE_URL=${url}\n`)
    expect(stderr).toContain('postgres is the one that DATABASE_URL names')
    const stopped = await script(['stop'], { DATABASE_URL: url })
    expect(stopped.stderr).toBe('')
    expect(server.listening).toBe(true)
    server.close()
  })

  it('says which address does not answer', async () => {
    const env = { DATABASE_URL: 'postgresql://me:secret@127.0.0.1:1/mine' }
    const failure = script(['env', '--only', 'postgres'], env)
    await expect(failure).rejects.toThrow(
      /DATABASE_URL is set, but nothing answers at 127\.0\.0\.1:1\n.*postgres is not running: run .*services\.sh start/,
    )
    await expect(failure).rejects.not.toThrow('secret')
  })

  it('uses Docker Compose where a Docker engine answers, and takes away what it made', async () => {
    const { asked } = await fakeDocker()
    const { stdout } = await script(['start', '--only', 'rabbitmq,s3'], {}, folder)
    expect([...stdout.matchAll(/(\w+)=/g)].map(([, name]) => name)).toEqual([
      'RABBIT_URL',
      'RABBIT_MANAGEMENT_URL',
      'RABBIT_TLS_URL',
      'S3_ENDPOINT',
      'S3_TLS_ENDPOINT',
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
      'AWS_REGION',
      'TLS_CA',
    ])
    const hidden = await stat(path.join(folder, 'state', 'compose'))
    expect(hidden.mode & 0o077).toBe(0)
    await script(['stop'], {}, folder)
    expect(await asked()).toEqual([
      'compose version',
      'info',
      'compose up --detach --wait --wait-timeout 180 rabbitmq s3 s3-tls',
      'compose rm --stop --force rabbitmq',
      'compose ps --all --quiet',
      'compose down --volumes',
      'compose rm --stop --force s3 s3-tls',
      'compose ps --all --quiet',
      'compose down --volumes',
    ])
  })

  it.each([[[]], [['begin']], [['start', '--only', 'mysql']], [['start', 'postgres']]])(
    'refuses %j, and says what it knows',
    async (args) => {
      await expect(script(args)).rejects.toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^usage: services\.sh start/) as unknown,
      })
    },
  )
})

describe('services()', () => {
  it('says which variable is missing, and what to do, when it is read', () => {
    const read = services({ RABBIT_URL: 'amqp://here', S3_ENDPOINT: '' })
    expect(read.rabbitUrl).toBe('amqp://here')
    expect(() => read.s3.endpoint).toThrow(
      'S3_ENDPOINT is not set: run eval "$(tests/services/services.sh start)" first, or all tests with npm test',
    )
  })
})
