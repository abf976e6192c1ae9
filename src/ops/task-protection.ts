import { asDuckfleetError } from '../errors.js'

/** Keeps an ECS task from being scaled in while it works. */
export interface TaskProtection {
  /** Protects from now until `release`; never rejects, and waits some seconds at most. */
  guard(): Promise<{ release(): Promise<void> }>
  /** Ends the protection, so that a task that stops is not held up. */
  close(): Promise<void>
}

export interface TaskProtectionOptions {
  /** `$ECS_AGENT_URI`. */
  readonly agent: string
  /** The agent did not do as it was asked: the job goes on unprotected. */
  readonly onProblem: (message: string) => void
  /** Protection that is not renewed ends after so many minutes: the agent knows 1 to 2880. Default 60. */
  readonly minutes?: number
  /** Milliseconds after a job until the protection is given up, unless another begins. Default 5,000. */
  readonly idleMs?: number
  /** Milliseconds between two renewals. Default: a third of `minutes`. */
  readonly renewMs?: number
  /** Milliseconds until an agent that did not protect is asked again, while a job goes on. Default 60,000. */
  readonly againMs?: number
}

const ANSWER_MS = 2_000

/**
 * Asks the ECS agent for scale-in protection
 * (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html). One call covers
 * many small jobs: it is given up only after a pause.
 */
export function createTaskProtection(options: TaskProtectionOptions): TaskProtection {
  const { agent, onProblem, minutes = 60, idleMs = 5_000, renewMs = minutes * 20_000 } = options
  const { againMs = 60_000 } = options
  let guards = 0
  let on = false
  let closed = false
  let renewal: NodeJS.Timeout | undefined
  let pause: NodeJS.Timeout | undefined
  let line = Promise.resolve()

  /** One request after another: a release that arrives late would undo what the next job has asked for. */
  const inLine = (run: () => Promise<void>): Promise<void> => (line = line.then(run))
  const ask = async (protect: boolean): Promise<boolean> => {
    const body = { ProtectionEnabled: protect, ...(protect ? { ExpiresInMinutes: minutes } : {}) }
    try {
      const response = await fetch(`${agent.replace(/\/$/, '')}/task-protection/v1/state`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_MS),
      })
      const problem = refusal(response.status, await response.text())
      if (problem === undefined) return true
      onProblem(`the ECS agent did not ${protect ? 'protect' : 'release'} this task: ${problem}`)
    } catch (error) {
      onProblem(`the ECS agent did not answer: ${asDuckfleetError(error).message}`)
    }
    return false
  }
  /** Now, and again before it ends, or soon when the agent did not do it: a job may take hours. */
  const protect = async (): Promise<void> => {
    clearTimeout(renewal)
    if (closed || (guards === 0 && !on)) return
    const done = await ask(true)
    on ||= done
    renewal = setTimeout(() => void inLine(protect), done ? renewMs : Math.min(againMs, renewMs))
  }
  const giveUp = async (): Promise<void> => {
    clearTimeout(pause)
    if (guards > 0 && !closed) return
    clearTimeout(renewal)
    if (!on) return
    on = false
    await ask(false)
  }

  return {
    async guard() {
      guards += 1
      clearTimeout(pause)
      await inLine(async () => {
        if (!on) await protect()
      })
      let released = false
      return {
        release: () => {
          if (!released) guards -= 1
          released = true
          clearTimeout(pause)
          if (guards === 0) pause = setTimeout(() => void inLine(giveUp), idleMs)
          return Promise.resolve()
        },
      }
    },
    close: () => {
      closed = true
      return inLine(giveUp)
    },
  }
}

/** The agent may answer 200 and still say no. */
function refusal(status: number, text: string): string | undefined {
  const said = parse(text)
  const failure = said['failure'] ?? said['error']
  if (status === 200 && failure === undefined) return undefined
  return `status ${status}: ${failure === undefined ? text.slice(0, 200) : JSON.stringify(failure).slice(0, 200)}`
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null ? { ...json } : {}
  } catch {
    return {}
  }
}
