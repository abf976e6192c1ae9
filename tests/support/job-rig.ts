import { copyFile, mkdtemp, open, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createUpgrader, type Upgrader } from '../../src/engine/upgrade.js'
import { HEADER_BYTES, parseHeader, requireDatabase } from '../../src/migration/file/header.js'
import type { Hooks } from '../../src/migration/ports.js'
import type { Target, UpgradeRequest, UpgradeResult } from '../../src/migration/upgrade.js'
import { installedEngines } from './engines.js'

/** How a test interferes with one job. */
export interface Interference {
  /** After a table was exported. */
  readonly exported?: (table: string, file: string) => Promise<void>
  /** After the new file was closed. */
  readonly imported?: (target: string) => Promise<void>
}

/** One worker slot with warm engines, in which jobs can be interfered with. */
export class JobRig {
  private current: { readonly target: string; readonly interference: Interference } | undefined
  private readonly upgrader: Upgrader

  private constructor(
    readonly slotFolder: string,
    engines: Awaited<ReturnType<typeof installedEngines>>,
    prefer?: 'native' | 'wasm',
  ) {
    const hooks: Hooks = {
      exported: async (table, file) => this.current?.interference.exported?.(table, file),
      imported: async () => this.current?.interference.imported?.(this.current.target),
    }
    this.upgrader = createUpgrader({ slotFolder, engines, hooks, ...(prefer ? { prefer } : {}) })
  }

  static async start(prefer?: 'native' | 'wasm'): Promise<JobRig> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'duckfleet-rig-')))
    return new JobRig(folder, await installedEngines(), prefer)
  }

  async stop(): Promise<void> {
    await this.upgrader.close()
    await rm(this.slotFolder, { recursive: true, force: true })
  }

  /** Upgrades a copy of the file, fully verified; `finished` looks at the new file before the job's folder goes. */
  async upgrade(
    file: string,
    target: Target,
    interference: Interference = {},
    finished?: (target: string, folder: string) => Promise<void>,
  ): Promise<UpgradeResult> {
    return await this.inJob(file, target, async (request) => {
      this.current = { target: request.destination, interference }
      const result = await this.upgrader.upgrade(request, AbortSignal.timeout(60_000))
      await finished?.(request.destination, request.folder)
      return result
    })
  }

  /** Reads a copy of a file of 0.9 or later through, as for one that needs no upgrade. */
  async check(file: string, target: Target): Promise<UpgradeResult> {
    return await this.inJob(file, target, (request) =>
      this.upgrader.check(request, AbortSignal.timeout(60_000)),
    )
  }

  /** Compares a file with one that was made from it; rejects when they differ. */
  async compare(file: string, made: string, target: Target): Promise<UpgradeResult> {
    return await this.inJob(file, target, async (request) => {
      await copyFile(made, request.destination)
      await copyFile(`${made}.wal`, `${request.destination}.wal`).catch(ignoreMissing)
      return await this.upgrader.compare(request, AbortSignal.timeout(60_000))
    })
  }

  private async inJob(
    file: string,
    target: Target,
    work: (request: UpgradeRequest) => Promise<UpgradeResult>,
  ): Promise<UpgradeResult> {
    const folder = await mkdtemp(join(this.slotFolder, 'job-'))
    try {
      const source = join(folder, 'source.duckdb')
      await copyFile(file, source)
      await copyFile(`${file}.wal`, `${source}.wal`).catch(ignoreMissing)
      const header = await readHeader(source)
      const destination = join(folder, 'target.duckdb')
      return await work({
        source,
        header,
        destination,
        folder,
        target,
        verify: 'full',
        memory: 1e9,
        threads: 2,
      })
    } finally {
      this.current = undefined
      await rm(folder, { recursive: true, force: true })
    }
  }
}

async function readHeader(path: string): Promise<UpgradeRequest['header']> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0)
    return requireDatabase(parseHeader(buffer.subarray(0, bytesRead), size), path)
  } finally {
    await file.close()
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
}
