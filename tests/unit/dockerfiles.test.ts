import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { validate } from 'dockerfile-utils'
import { describe, expect, it } from 'vitest'
import { PROJECT } from '../support/cli.js'

interface Instruction {
  readonly keyword: string
  readonly rest: string
}

const read = (name: string): string => readFileSync(path.join(PROJECT, name), 'utf8')

/** Comments gone, continued lines joined. */
function instructions(name: string): Instruction[] {
  const lines = read(name)
    .split('\n')
    .filter((line) => !line.startsWith('#'))
  return lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, keyword = '', rest = ''] = /^(\S+) +(.*)$/.exec(line) ?? []
      return { keyword, rest: rest.trim() }
    })
}

/** The stages in their order, each with its `FROM`. */
function stages(name: string): Instruction[][] {
  const found: Instruction[][] = []
  for (const instruction of instructions(name)) {
    if (instruction.keyword === 'FROM') found.push([])
    found.at(-1)?.push(instruction)
  }
  return found
}

const of = (list: readonly Instruction[], keyword: string): string[] =>
  list.filter((instruction) => instruction.keyword === keyword).map(({ rest }) => rest)

const words = (text: string): string[] => text.split(/\s+/).filter((word) => !word.startsWith('--'))

describe.each([
  ['Dockerfile.small', 'small'],
  ['Dockerfile.big', 'big'],
])('%s', (name, size) => {
  const all = instructions(name)
  const last = stages(name).at(-1) ?? []

  it('has no fault that a linter knows', () => {
    expect(validate(read(name)).map(({ message }) => message)).toEqual([])
  })

  it('is built on one pinned release of Node, in several stages', () => {
    const bases = of(all, 'FROM').map((rest) => words(rest)[0])
    const own = of(all, 'FROM').map((rest) => words(rest)[2])
    const outside = bases.filter((base) => !own.includes(base))
    expect(new Set(outside).size).toBe(1)
    expect(outside[0]).toMatch(/^node:24\.\d+\.\d+-bookworm-slim$/)
    expect(stages(name).length).toBeGreaterThanOrEqual(2)
    // The tests run the same one.
    expect(outside[0]).toBe(`node:${/^NODE_24=(\S+)$/m.exec(read('tests/run.sh'))?.[1] ?? ''}-bookworm-slim`)
  })

  it('runs as a user without rights, whom a number names', () => {
    const user = last.findIndex(({ keyword }) => keyword === 'USER')
    expect(of(last, 'USER')).toEqual(['1000:1000'])
    // Nothing after it needs more.
    expect(last.slice(user).map(({ keyword }) => keyword)).toEqual([
      'USER',
      'STOPSIGNAL',
      'HEALTHCHECK',
      'ENTRYPOINT',
    ])
  })

  it('starts its consumer as a process that hears SIGTERM', () => {
    expect(of(last, 'STOPSIGNAL')).toEqual(['SIGTERM'])
    const [entry = ''] = of(last, 'ENTRYPOINT')
    expect(JSON.parse(entry)).toEqual(['node', `/app/dist/consumers/${size}.js`])
  })

  it('writes to volumes only', () => {
    const [volumes = ''] = of(last, 'VOLUME')
    expect(JSON.parse(volumes)).toEqual(['/batch_download', '/batch_upload', '/tmp'])
    expect(of(last, 'ENV').join(' ')).toContain('WORK_DIR=/batch_download')
  })

  it('holds no secret', () => {
    const settings = [...of(all, 'ENV'), ...of(all, 'ARG')].join(' ')
    expect(settings).not.toMatch(/pass|secret|key|token|credential|:\/\//i)
  })

  it('copies known paths only, all of which the build context holds', () => {
    const copied = of(all, 'COPY')
      .filter((rest) => !rest.includes('--from='))
      .flatMap((rest) => words(rest).slice(0, -1))
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1))
    expect(copied.filter((source) => !allowed.includes(source))).toEqual([])
    expect(copied.filter((source) => !existsSync(path.join(PROJECT, source)))).toEqual([])
    expect(of(all, 'ADD')).toEqual([])
  })

  it('ships what the build stages made, and nothing else', () => {
    const sources = of(last, 'COPY').map((rest) => words(rest)[0])
    expect(of(last, 'COPY').every((rest) => rest.startsWith('--from='))).toBe(true)
    expect(sources).toEqual(size === 'big' ? ['/app', '/engines'] : ['/app'])
  })

  it('runs scripts that are there', () => {
    const scripts = of(all, 'RUN').flatMap((rest) => rest.match(/infra\/image\/\S+\.sh/g) ?? [])
    expect(scripts).toContain('infra/image/tree.sh')
    for (const script of scripts) expect(statSync(path.join(PROJECT, script)).mode & 0o111).toBe(0o111)
  })

  it('installs packages from the lock file, and runs no script of theirs', () => {
    const npm = of(all, 'RUN').filter((rest) => /\bnpm (ci|install|i)\b/.test(rest))
    expect(npm).toEqual(['npm ci --ignore-scripts --no-audit --no-fund'])
  })

  describe('its health check', () => {
    const [check = ''] = of(last, 'HEALTHCHECK')
    const command = JSON.parse(check.slice(check.indexOf('['))) as string[]
    const status = (port: number): Promise<number> =>
      new Promise((resolve) => {
        const [, ...args] = command
        const child = execFile(process.execPath, args, { env: { METRICS_PORT: String(port) } })
        child.once('close', (code) => {
          resolve(code ?? -1)
        })
      })

    it.each([
      [200, 0],
      [503, 1],
    ])('of a worker that answers %d ends with %d', async (answer, code) => {
      const asked: string[] = []
      const server = createServer((request, response) => {
        asked.push(`${request.method ?? ''} ${request.url ?? ''}`)
        response.writeHead(answer).end()
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      expect(await status(port)).toBe(code)
      server.close()
      expect(await status(port)).toBe(1)
      expect(asked).toEqual(['GET /healthz'])
    })

    it('is given less time by itself than by Docker', () => {
      const itself = Number(/AbortSignal\.timeout\((\d+)\)/.exec(check)?.[1])
      const docker = Number(/--timeout=(\d+)s/.exec(check)?.[1]) * 1000
      expect(itself).toBeLessThan(docker)
      expect(of(last, 'ENV').join(' ')).toMatch(/METRICS_PORT=\d+/)
    })
  })
})

describe('the two images', () => {
  const lines = (stage: readonly Instruction[] | undefined): string[] =>
    (stage ?? []).map(({ keyword, rest }) => `${keyword} ${rest}`)
  const [small, big] = [stages('Dockerfile.small'), stages('Dockerfile.big')]

  it('are built in the same way', () => {
    expect(lines(small[0])).toEqual(lines(big[0]))
  })

  it('differ in the engines and the entry point only', () => {
    const asSmall = lines(big.at(-1))
      .filter((line) => line !== 'COPY --from=engines /engines /engines')
      .map((line) =>
        line.replace(' DUCKFLEET_ENGINES=/engines', '').replace('consumers/big.js', 'consumers/small.js'),
      )
    expect(lines(small.at(-1))).toEqual(asSmall)
  })
})
