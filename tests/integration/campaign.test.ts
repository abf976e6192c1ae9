import { mkdir, readFile, readdir, truncate, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startEcsServer } from '../support/aws-servers.js'
import type { EcsServer } from '../support/aws-servers.js'
import { PROJECT } from '../support/cli.js'
import { TestFleet } from '../support/fleet.js'
import { fixture } from '../support/fixtures.js'
import { services } from '../support/services.js'

/** What the documentation shows; `UPDATE_TRANSCRIPT=1` writes it anew. */
const DOCUMENT = join(PROJECT, 'docs', 'campaign.md')

/** A vhost of this test's own, so that its queues can have the names that everybody's have. */
const VHOST = `campaign-${process.pid}`

let fleet: TestFleet
let ecs: EcsServer
beforeEach(async () => {
  await management('PUT', `vhosts/${VHOST}`)
  fleet = await TestFleet.create(`${services().rabbitUrl}/${VHOST}`)
  ecs = await startEcsServer({ 'migrate-duck-small': 0, 'migrate-duck-big': 0 })
  Object.assign(fleet.environment, {
    QUEUE_NAME: 'migrate_duckdb_release',
    RABBIT_MANAGEMENT_URL: services().rabbitManagementUrl,
    AWS_ENDPOINT_URL_ECS: ecs.endpoint,
  })
})
afterEach(async () => {
  await fleet.dispose()
  await ecs.close()
  await management('DELETE', `vhosts/${VHOST}`)
})

async function management(method: string, path: string): Promise<void> {
  const { username, password, origin } = new URL(services().rabbitManagementUrl)
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const response = await fetch(`${origin}/api/${path}`, { method, headers: { authorization } })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`)
}

/** The samples where the route reads them; gives one of them, by its key. */
async function addSamples(): Promise<{ readonly key: string; readonly bytes: Buffer }> {
  const folder = await fixture('trackers')
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.duckdb')).sort()
  const trackers = new Map<string, { id: string; site: string }>()
  let last: { readonly key: string; readonly bytes: Buffer } | undefined
  for (const name of files) {
    const key = name.split('/').slice(-3).join('/')
    const tracker = dirname(key)
    trackers.set(tracker, { site: dirname(tracker), id: basename(tracker) })
    last = { key, bytes: await readFile(join(folder, name)) }
    await mkdir(fleet.path('src', tracker), { recursive: true })
    await writeFile(fleet.path('src', key), last.bytes)
  }
  await fleet.addTrackers([...trackers.values()])
  if (last === undefined) throw new Error('there are no samples')
  return last
}

/** Runs a command as an operator types it; gives the prompt, the command and what was seen. */
async function session(command: string): Promise<string> {
  const { code, stdout, stderr } = await fleet.start(join('src', 'cli', 'main.js'), command.split(' ')).ended
  // How far it is, and then how it is.
  const said = command.startsWith('scale') ? stderr + stdout : stdout + stderr
  const seen = `$ duckfleet ${command}\n${said}`
  const status = code === 0 ? '' : `(exit status ${String(code)})\n`
  return (seen + status).replaceAll(fleet.path('src'), '/mnt/old').replaceAll(fleet.path('dst'), '/mnt/new')
}

async function work(): Promise<void> {
  expect((await fleet.consume('small').ended).code).toBe(0)
}

async function campaign(): Promise<string> {
  const damaged = await addSamples()
  await truncate(fleet.path('src', damaged.key), damaged.bytes.length - 900_000)
  const parts = [await session('publish efs-efs'), await session('queues'), await session('scale small 2')]
  await work()
  parts.push('# the workers work\n', await session('failed list'))
  await writeFile(fleet.path('src', damaged.key), damaged.bytes)
  parts.push('# the file is copied again from where it is whole\n', await session('failed retry'))
  await work()
  parts.push('# the workers work\n', await session('queues'), await session('scale small 0'))
  parts.push(await session(`inspect ${fleet.path('dst')}`))
  return parts.join('\n')
}

/** What stays the same from run to run: without numbers, times, widths, and what RabbitMQ knows only later. */
function shape(text: string): string {
  return text
    .replaceAll(/[─┌┬┐├┼┤└┴┘]+/g, '')
    .replaceAll(/│\s*(grows|empty|–|[\d,.]+ ?(B|kB|MB|s|min|h)?)\s*(?=│)/g, '│ # ')
    .replaceAll(/\b[0-9a-f]{32}\b/g, 'id')
    .replaceAll(/│ \/mnt\/old[^│]*│/g, '│ error │')
    .replaceAll(/[\d.,]+/g, '#')
    .replaceAll(/ +/g, ' ')
    .replaceAll(/(^migrate-duck.*\n)+/gm, '')
}

it('goes from publishing to done as the documentation shows it', async () => {
  const transcript = await campaign()
  const start = '<!-- made by tests/integration/campaign.test.ts -->\n\n```\n'
  const before = await readFile(DOCUMENT, 'utf8')
  const [head = '', rest = ''] = before.split(start)
  if (process.env['UPDATE_TRANSCRIPT'] === '1') {
    await writeFile(DOCUMENT, `${head}${start}${transcript}\`\`\`\n`)
  } else {
    expect(shape(transcript)).toBe(shape(rest.slice(0, rest.indexOf('```\n'))))
  }
  expect(await fleet.waiting()).toEqual({})
  expect(await fleet.leftovers()).toEqual([])
})
