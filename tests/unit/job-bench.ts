import { mkdir, mkdtemp, readFile, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { runJob } from '../../src/fleet/job.js'
import type { JobDeps, JobPolicy } from '../../src/fleet/job-deps.js'
import type { JobReport } from '../../src/fleet/report.js'
import type { CheckFile, UpgradeFile, UpgradeRequest, UpgradeResult } from '../../src/migration/upgrade.js'
import { createEfsStore } from '../../src/store/efs.js'
import { craftHeader } from './craft-header.js'
import type { Crafted } from './craft-header.js'

export const never = new AbortController().signal

export const RESULT: UpgradeResult = {
  tables: 2,
  rows: 30,
  indexes: 1,
  reader: '0.6.1',
  warnings: ['view v was broken already'],
  ms: { export: 1, import: 2, verify: 3, total: 6 },
}

/** The bytes that the stand-in engine writes. */
export const UPGRADED = 'upgraded'

/** A file that the header calls a sound database, of this storage version. */
export function database(version: number, more: Partial<Crafted> = {}): Buffer {
  return craftHeader({ version, ...more })
}

export function efsMessage(key: string): string {
  return JSON.stringify({ source_datastore: 'efs', destination_datastore: 'efs', key })
}

/** Real stores and work folders around an engine that only pretends. */
export class JobBench {
  readonly requests: UpgradeRequest[] = []
  readonly checks: UpgradeRequest[] = []
  readonly comparisons: UpgradeRequest[] = []

  private constructor(readonly base: string) {}

  static async create(): Promise<JobBench> {
    const bench = new JobBench(await realpath(await mkdtemp(path.join(tmpdir(), 'duckfleet-job-'))))
    for (const folder of ['src', 'dst', 'slot']) await mkdir(path.join(bench.base, folder))
    return bench
  }

  async dispose(): Promise<void> {
    await rm(this.base, { recursive: true, force: true })
  }

  path(...parts: string[]): string {
    return path.join(this.base, ...parts)
  }

  async put(file: string, bytes: string | Uint8Array): Promise<void> {
    await mkdir(path.dirname(this.path(file)), { recursive: true })
    await writeFile(this.path(file), bytes)
  }

  async text(file: string): Promise<string> {
    return await readFile(this.path(file), 'utf8')
  }

  /** Names of all files below a folder. */
  async files(folder: string): Promise<string[]> {
    const names: string[] = []
    for (const name of await readdir(this.path(folder), { recursive: true })) {
      if ((await stat(this.path(folder, name))).isFile()) names.push(name)
    }
    return names.sort()
  }

  upgrade: UpgradeFile = async (request) => {
    await writeFile(request.destination, UPGRADED)
    return RESULT
  }

  check: CheckFile = () => Promise.resolve(RESULT)

  compare: UpgradeFile = () => Promise.resolve(RESULT)

  deps(policy: Partial<JobPolicy> = {}): JobDeps {
    const source = createEfsStore(this.path('src'))
    const destination = policy.inPlace === true ? source : createEfsStore(this.path('dst'))
    return {
      policy: {
        target: { release: '1.5.6' },
        verify: 'full',
        existing: 'refuse',
        inPlace: false,
        memory: 1e9,
        threads: 2,
        assertReadable: () => undefined,
        ...policy,
      },
      places: (from, to) => ({
        source: { store: source, key: from.key },
        destination: { store: destination, key: to.key },
      }),
      upgrade: async (request, signal) => {
        this.requests.push(request)
        return await this.upgrade(request, signal)
      },
      check: async (request, signal) => {
        this.checks.push(request)
        return await this.check(request, signal)
      },
      compare: async (request, signal) => {
        this.comparisons.push(request)
        return await this.compare(request, signal)
      },
      slotFolder: this.path('slot'),
      version: '0.0.0',
    }
  }

  /** Runs the job of one file; its work folder must be gone afterwards, whatever happened. */
  async run(key: string, policy: Partial<JobPolicy> = {}, signal = never): Promise<JobReport> {
    const report = await runJob(efsMessage(key), this.deps(policy), signal)
    const left = await readdir(this.path('slot'))
    if (left.length > 0) throw new Error(`the job left ${left.join(', ')}`)
    return report
  }
}
