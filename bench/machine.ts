import os from 'node:os'

/** Where it was measured. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  /** Bytes. */
  readonly memory: number
  readonly node: string
  readonly system: string
  /** Processes that wanted to run before the first measurement, a minute's mean: near 0 on an idle machine. */
  readonly load: number
}

export function thisMachine(): Machine {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memory: os.totalmem(),
    node: process.version,
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    load: os.loadavg()[0] ?? 0,
  }
}
