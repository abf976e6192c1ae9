import type { InstalledEngine } from '../../src/engine/locate.js'
import { EngineProcess } from '../../src/engine/process.js'
import type { OpenMode } from '../../src/engine/protocol.js'
import type { Row } from '../../src/migration/sql/session.js'

/** A database that is open in a process of its own. */
export interface TestDatabase {
  query(sql: string): Promise<readonly Row[]>
  close(): Promise<void>
}

const PATIENCE_MS = 60_000

/** One warm engine process, for one database after another. */
export class TestEngine {
  private sessions = 0

  private constructor(
    private readonly process: EngineProcess,
    private readonly folder: string,
  ) {}

  /** `folder`: the only one that the engine reaches. */
  static async start(engine: InstalledEngine, folder: string): Promise<TestEngine> {
    const process = await EngineProcess.start(
      engine,
      { folder, maxResident: 3e9 },
      AbortSignal.timeout(PATIENCE_MS),
    )
    return new TestEngine(process, folder)
  }

  async open(path: string, mode: OpenMode): Promise<TestDatabase> {
    const session = ++this.sessions
    const { process, folder } = this
    const signal = new AbortController().signal
    const options = { path, mode, folder, memoryLimit: 1e9, threads: 1, storageVersion: undefined }
    await process.open(session, options, PATIENCE_MS, signal)
    return {
      query: (sql) => process.query(session, sql, PATIENCE_MS, signal),
      close: () => process.close(session, PATIENCE_MS, signal),
    }
  }

  async stop(): Promise<void> {
    await this.process.kill()
  }
}
