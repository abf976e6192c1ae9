import { mkdir, readFile, readdir, truncate, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startEcsServer } from '../support/aws-servers.js'
import type { EcsServer } from '../support/aws-servers.js'
import { PROJECT } from '../support/cli.js'
import { TestFleet } from '../support/fleet.js'
import { fixture } from '../support/fixtures.js'
import { manage } from '../support/management.js'
import { until } from '../support/processes.js'
import { services } from '../support/services.js'

/** What the documentation shows, in full and in short; `UPDATE_TRANSCRIPT=1` writes both anew. */
const DOCUMENTS = [
  { path: join(PROJECT, 'docs', 'campaign.md'), told: (transcript: string) => transcript },
  { path: join(PROJECT, 'README.md'), told: shortened },
]
const MARK = '<!-- made by tests/integration/campaign.test.ts -->\n\n```\n'

const CLI = join('src', 'cli', 'main.js')

/** A vhost of this test's own, so that its queues can have the names that everybody's have. */
const VHOST = `campaign-${process.pid}`

let fleet: TestFleet
let ecs: EcsServer
beforeEach(async () => {
  await manage('PUT', `vhosts/${VHOST}`)
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
  await manage('DELETE', `vhosts/${VHOST}`)
})

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
  const { code, stdout, stderr } = await fleet.start(CLI, command.split(' ')).ended
  // How far it is, and then how it is.
  const said = command.startsWith('scale') ? stderr + stdout : stdout + stderr
  const status = code === 0 ? '' : `(exit status ${String(code)})\n`
  return withPrompt(command, said + status)
}

function withPrompt(command: string, said: string): string {
  const seen = `$ duckfleet ${command}\n${said}`
  return seen.replaceAll(fleet.path('src'), '/mnt/old').replaceAll(fleet.path('dst'), '/mnt/new')
}

/** Looks again and again while something goes on, until Ctrl-C; gives the look that a terminal shows then. */
async function watched(command: string, meanwhile: () => Promise<void>): Promise<string> {
  const watching = fleet.start(CLI, command.split(' '))
  await meanwhile()
  // Each look is a line with its time, and a table in a frame.
  const looks = (): string[] => watching.said().match(/^\d{4}-.*\n┌(.*\n)*?└.*\n/gm) ?? []
  const before = looks().length
  // What the broker measures every five seconds is in a look a little later.
  await until(() => looks().length >= before + 5, 60_000)
  watching.child.kill('SIGINT')
  expect((await watching.ended).code).toBe(130)
  return withPrompt(command, `${looks().at(-1) ?? ''}^C\n`)
}

async function work(): Promise<void> {
  expect((await fleet.consume('small').ended).code).toBe(0)
}

async function campaign(): Promise<string> {
  const damaged = await addSamples()
  await truncate(fleet.path('src', damaged.key), damaged.bytes.length - 900_000)
  const parts = [await session('publish efs-efs'), await session('queues'), await session('scale small 2')]
  parts.push('# the workers work\n', await watched('queues --watch', work), await session('failed list'))
  await writeFile(fleet.path('src', damaged.key), damaged.bytes)
  parts.push('# the file is copied again from where it is whole\n', await session('failed retry'))
  await work()
  parts.push('# the workers work\n', await session('queues'), await session('scale small 0'))
  parts.push(await session(`inspect ${fleet.path('dst')}`))
  return parts.join('\n')
}

/** The same with less of what repeats: of queues the small ones, of files the first; `…` for what is left out. */
function shortened(transcript: string): string {
  return transcript
    .replaceAll(/^│ \S+_big.*\n(?=(│ \S+_big.*\n)*└)/gm, '')
    .replaceAll(/^(\/mnt\/new.*\n)(\/mnt\/new.*\n)+/gm, '$1…\n')
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
  for (const { path, told } of DOCUMENTS) {
    const before = await readFile(path, 'utf8')
    const [head = '', rest = ''] = before.split(MARK)
    const end = rest.indexOf('```\n')
    if (process.env['UPDATE_TRANSCRIPT'] === '1') {
      await writeFile(path, head + MARK + told(transcript) + rest.slice(end))
    } else {
      expect(shape(told(transcript))).toBe(shape(rest.slice(0, end)))
    }
  }
  expect(await fleet.waiting()).toEqual({})
  expect(await fleet.leftovers()).toEqual([])
})
