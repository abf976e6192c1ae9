import { type ChildProcess, spawn } from 'node:child_process'
import { DuckfleetError } from '../errors.js'
import type { Row } from '../migration/sql/session.js'
import { SqlError } from '../migration/sql/session.js'
import { hostCommand } from './host-command.js'
import type { InstalledEngine } from './locate.js'
import type { ExportPart, OpenOptions, Ready, Reply, Request } from './protocol.js'
import { type Vitals, readVitals } from './vitals.js'

/** Without `id`, for each kind of request. */
type Body = Request extends infer R ? (R extends Request ? Omit<R, 'id'> : never) : never

interface Pending {
  readonly resolve: (reply: Extract<Reply, { ok: true }>) => void
  readonly reject: (error: Error) => void
  readonly sql: string
}

export interface ProcessLimits {
  /** The only folder that the engine may read and write. */
  readonly folder: string
  /** Resident memory at which the process is killed, bytes. */
  readonly maxResident: number
}

const START_TIMEOUT_MS = 30_000
const WATCH_INTERVAL_MS = 250
/** A timer that is so late tells that nobody listened. */
const STOOD_STILL_MS = 1_000
const STDERR_KEPT = 2_000

/**
 * An engine answers one statement after another: on one thread it finds in that core's caches what the last one left
 * there. On Node's four in turns, 200 small files took 5 % more CPU time.
 */
const ENVIRONMENT = { TZ: 'UTC', UV_THREADPOOL_SIZE: '1' }

/** Groups to end when this process ends in a hurry: an engine that computes would not notice for a while. */
const living = new Set<number>()
process.once('exit', () => {
  for (const pid of living) killGroup(pid)
})

/**
 * One engine in a process of its own, in its own process group, with an empty environment. It is killed, with its
 * group, when a request outlives its deadline, when its memory grows beyond the limit, and on `kill`.
 */
export class EngineProcess {
  private readonly child: ChildProcess
  private readonly pending = new Map<number, Pending>()
  private readonly outbox: Request[] = []
  /** When the engine last answered anything: then it does not hang. */
  private answered = 0
  private readonly exited: Promise<void>
  private lastId = 0
  private lastSession = 0
  private stderr = ''
  private death: DuckfleetError | undefined
  private watch: NodeJS.Timeout | undefined

  private constructor(
    readonly engine: InstalledEngine,
    private limits: ProcessLimits,
  ) {
    this.child = spawn(process.execPath, hostCommand(engine, limits.folder), {
      detached: true,
      env: ENVIRONMENT,
      cwd: limits.folder,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    if (this.child.pid !== undefined) living.add(this.child.pid)
    this.child.stderr?.on('data', (chunk: Buffer) => {
      if (this.stderr.length < STDERR_KEPT) this.stderr += chunk.toString('utf8', 0, STDERR_KEPT)
    })
    this.exited = new Promise((resolve) => {
      this.child.once('exit', (code, signal) => {
        if (this.child.pid !== undefined) living.delete(this.child.pid)
        this.fail(this.death ?? this.crashed(code, signal))
        resolve()
      })
      this.child.once('error', (error) => {
        this.fail(
          new DuckfleetError('engine', `the ${describe(engine)} engine did not start: ${error.message}`),
        )
        resolve()
      })
    })
    this.child.on('message', (message) => {
      if (!Array.isArray(message)) return
      this.answered = performance.now()
      for (const reply of message as Reply[]) this.receive(reply)
    })
    this.watch = setInterval(() => {
      this.checkMemory()
    }, WATCH_INTERVAL_MS)
    this.watch.unref()
  }

  /** Starts a process and waits until its engine is loaded. */
  static async start(
    engine: InstalledEngine,
    limits: ProcessLimits,
    signal: AbortSignal,
  ): Promise<EngineProcess> {
    const host = new EngineProcess(engine, limits)
    try {
      await host.until(host.ready(), START_TIMEOUT_MS, 'load', signal)
      return host
    } catch (error) {
      await host.kill()
      throw error
    }
  }

  get alive(): boolean {
    return this.death === undefined
  }

  /** A number that no session of this process has had. */
  nextSession(): number {
    return ++this.lastSession
  }

  /** Is a request under way? */
  get busy(): boolean {
    return this.pending.size > 0
  }

  /** Sets the resident memory, in bytes, at which the process is killed. */
  allow(maxResident: number): void {
    this.limits = { ...this.limits, maxResident }
  }

  /** Resident memory and CPU time, where the system tells. */
  vitals(): Vitals | undefined {
    return this.child.pid === undefined ? undefined : readVitals(this.child.pid)
  }

  async open(
    session: number,
    options: OpenOptions,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    return (await this.call({ op: 'open', session, options }, timeoutMs, signal)).output
  }

  async query(session: number, sql: string, timeoutMs: number, signal: AbortSignal): Promise<readonly Row[]> {
    return (await this.call({ op: 'query', session, sql }, timeoutMs, signal)).rows
  }

  /** Writes a part of an export; false when it is the last one. */
  async exportPart(
    session: number,
    part: ExportPart,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { rows } = await this.call({ op: 'export', session, ...part }, timeoutMs, signal)
    return rows[0]?.['more'] === true
  }

  async lock(session: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.call({ op: 'lock', session }, timeoutMs, signal)
  }

  async close(session: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.call({ op: 'close', session }, timeoutMs, signal)
  }

  /** Ends the process and its group, and waits until it is gone. */
  async kill(reason?: DuckfleetError): Promise<void> {
    this.death ??= reason ?? new DuckfleetError('engine', `the ${describe(this.engine)} engine was stopped`)
    const { pid } = this.child
    if (pid !== undefined && this.child.exitCode === null && this.child.signalCode === null) killGroup(pid)
    await this.exited
  }

  private call(body: Body, timeoutMs: number, signal: AbortSignal): Promise<Extract<Reply, { ok: true }>> {
    const id = ++this.lastId
    const sql = 'sql' in body ? body.sql : 'query' in body ? body.query : body.op
    const reply = new Promise<Extract<Reply, { ok: true }>>((resolve, reject) => {
      if (this.death) {
        reject(this.death)
        return
      }
      this.pending.set(id, { resolve, reject, sql })
      this.post({ ...body, id })
    })
    return this.until(reply, timeoutMs, body.op, signal)
  }

  /** What is asked at the same time is sent in one message, and answered in one: each costs both processes a wake-up. */
  private post(request: Request): void {
    if (this.outbox.push(request) > 1) return
    queueMicrotask(() => {
      this.child.send(this.outbox.splice(0), (error) => {
        if (error) this.fail(this.crashed(null, null))
      })
    })
  }

  /**
   * The promise, or the death of the process when the job is aborted, or when it answered nothing for so long: a request
   * may have to wait for others.
   */
  private async until<T>(
    promise: Promise<T>,
    timeoutMs: number,
    what: string,
    signal: AbortSignal,
  ): Promise<T> {
    const stop = (reason: DuckfleetError): void => {
      void this.kill(reason)
    }
    const onAbort = (): void => {
      stop(new DuckfleetError('aborted', 'stopped on request'))
    }
    const seconds = Math.round(timeoutMs / 1000)
    let begun = performance.now()
    let due = begun + timeoutMs
    const look = (): void => {
      const now = performance.now()
      // This process stood still (Ctrl-Z, a frozen container): an answer may wait to be read, and the engine has its time anew.
      if (now - due > STOOD_STILL_MS) begun = now
      const left = Math.max(begun, this.answered) + timeoutMs - now
      due = now + left
      if (left > 0) timer = setTimeout(look, left)
      else stop(new DuckfleetError('engine', `the ${describe(this.engine)} engine hung: no answer to ${what} in ${seconds} s; its process was killed`)) // prettier-ignore
    }
    let timer = setTimeout(look, timeoutMs)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  private ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.child.once('message', (message: Ready) => {
        if ((message as Partial<Ready>).ready) resolve()
      })
      void this.exited.then(() => {
        reject(this.death ?? this.crashed(null, null))
      })
    })
  }

  private receive(reply: Reply): void {
    const pending = this.pending.get(reply.id)
    if (!pending) return
    this.pending.delete(reply.id)
    if (reply.ok) pending.resolve(reply)
    else pending.reject(this.toError(reply, pending.sql))
  }

  private toError({ kind, message }: Extract<Reply, { ok: false }>, sql: string): Error {
    const full = this.noSpace(message)
    switch (kind) {
      case 'sql':
        return full ?? new SqlError(message, sql)
      case 'corrupt':
        return full ?? new DuckfleetError('corrupt', message)
      case 'fatal': {
        const broke = `the ${describe(this.engine)} engine broke: ${message}`
        const error = full ?? new DuckfleetError('engine', broke)
        void this.kill(error)
        return error
      }
      default:
        return kind satisfies never
    }
  }

  /** A full disk is no fault of the file, however the engine words it. */
  private noSpace(said: string): DuckfleetError | undefined {
    if (!/ENOSPC|no space left|EDQUOT|quota exceeded/i.test(said)) return undefined
    const { folder } = this.limits
    return new DuckfleetError(
      'no-space',
      `no space left in ${folder}: free some, or point WORK_DIR at a bigger disk`,
    )
  }

  private crashed(code: number | null, signal: string | null): DuckfleetError {
    const how = signal ? `was ended by ${signal}` : `ended with code ${code ?? 'unknown'}`
    const said = this.stderr.split('\n', 1)[0]?.trim().slice(0, 300) ?? ''
    const full = this.noSpace(this.stderr)
    if (full) return full
    return new DuckfleetError(
      'engine',
      `the ${describe(this.engine)} engine process ${how}${said ? `: ${said}` : ''}`,
    )
  }

  private fail(error: DuckfleetError): void {
    this.death ??= error
    clearInterval(this.watch)
    for (const { reject } of this.pending.values()) reject(this.death)
    this.pending.clear()
  }

  private checkMemory(): void {
    const resident = this.vitals()?.resident ?? 0
    if (resident <= this.limits.maxResident) return
    const [used, limit] = [resident, this.limits.maxResident].map((bytes) => Math.round(bytes / 1e6))
    void this.kill(
      new DuckfleetError(
        'engine',
        `the ${describe(this.engine)} engine grew to ${used ?? 0} MB, over its ${limit ?? 0} MB: give it more with --memory`,
      ),
    )
  }
}

function describe(engine: InstalledEngine): string {
  return `${engine.release} (${engine.driver})`
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Already gone.
  }
}
