import type { BuiltSchema } from '../migration/built-schema.js'
import type { SourceCatalog } from '../migration/catalog/catalog-reader.js'
import { keepRecent } from '../migration/recent.js'
import type { InstalledEngine } from './locate.js'
import { EngineProcess } from './process.js'

/** Warm processes that are kept for the next file: loading an engine takes as long as moving a small file. */
const KEPT_PER_ENGINE = 2

/**
 * The engine processes of one worker slot. A process is confined to the slot's folder for life, so only jobs of this
 * slot use it.
 */
export class EngineSlot {
  readonly catalogs = keepRecent<SourceCatalog>()
  readonly schemas = keepRecent<BuiltSchema>()
  private readonly idle = new Map<InstalledEngine, EngineProcess[]>()
  private readonly busy = new Set<EngineProcess>()
  /** Processes that were started before somebody asked for them. */
  private readonly early = new Map<InstalledEngine, Promise<EngineProcess | undefined>>()

  /** `onLost` is told of every process that died, or had to be killed, while it was in use. */
  constructor(
    readonly folder: string,
    private readonly onLost: () => void = () => undefined,
  ) {}

  /** Starts a process that a job will want soon, unless one is there. Never rejects: `acquire` tries again. */
  warm(engine: InstalledEngine, signal: AbortSignal): void {
    const idle = this.idle.get(engine)?.some((process) => process.alive) ?? false
    if (idle || this.early.has(engine)) return
    const limits = { folder: this.folder, maxResident: Number.MAX_SAFE_INTEGER }
    const starting = EngineProcess.start(engine, limits, signal).catch(() => undefined)
    this.early.set(engine, starting)
  }

  /** A process with this engine loaded: a warm one, else a new one. */
  async acquire(engine: InstalledEngine, maxResident: number, signal: AbortSignal): Promise<EngineProcess> {
    const early = await this.takeEarly(engine)
    if (early) await this.release(early)
    const warm = this.idle.get(engine) ?? []
    for (let process = warm.pop(); process !== undefined; process = warm.pop()) {
      if (!process.alive) continue
      process.allow(maxResident)
      this.busy.add(process)
      return process
    }
    const process = await EngineProcess.start(engine, { folder: this.folder, maxResident }, signal)
    this.busy.add(process)
    return process
  }

  private async takeEarly(engine: InstalledEngine): Promise<EngineProcess | undefined> {
    const starting = this.early.get(engine)
    this.early.delete(engine)
    return await starting
  }

  /** Takes a process back; a broken one, or one too many, is ended. */
  async release(process: EngineProcess): Promise<void> {
    this.busy.delete(process)
    const warm = this.idle.get(process.engine) ?? []
    this.idle.set(process.engine, warm)
    if (!process.alive) this.onLost()
    if (process.alive && warm.length < KEPT_PER_ENGINE) warm.push(process)
    else await process.kill()
  }

  /** Ends a process that may be in any state. */
  async discard(process: EngineProcess): Promise<void> {
    this.busy.delete(process)
    this.onLost()
    await process.kill()
  }

  /** Ends every process of the slot. */
  async close(): Promise<void> {
    const early = await Promise.all([...this.early.keys()].map((engine) => this.takeEarly(engine)))
    const started = early.filter((process) => process !== undefined)
    const all = [...this.busy, ...[...this.idle.values()].flat(), ...started]
    this.busy.clear()
    this.idle.clear()
    await Promise.all(all.map((process) => process.kill()))
  }
}
