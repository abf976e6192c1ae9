import { asDuckfleetError } from '../errors.js'

/** Keeps an ECS task from being scaled in while it works. */
export interface TaskProtection {
  /** Protects from now until `release`; never rejects, and waits 2 seconds at most. */
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
}

const ANSWER_MS = 2_000

/**
 * Asks the ECS agent for scale-in protection
 * (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html). One call covers
 * many small jobs: it is given up only after a pause.
 */
export function createTaskProtection(options: TaskProtectionOptions): TaskProtection {
  const { agent, onProblem, minutes = 60, idleMs = 5_000, renewMs = minutes * 20_000 } = options
  let guards = 0
  let on = false
  let renewal: NodeJS.Timeout | undefined
  let pause: NodeJS.Timeout | undefined

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
  const giveUp = async (): Promise<void> => {
    clearTimeout(pause)
    clearInterval(renewal)
    if (!on) return
    on = false
    await ask(false)
  }

  return {
    async guard() {
      guards += 1
      clearTimeout(pause)
      if (!on) {
        on = await ask(true)
        if (on) renewal = setInterval(() => void ask(true), renewMs)
      }
      let released = false
      return {
        release: () => {
          if (!released) guards -= 1
          released = true
          clearTimeout(pause)
          if (guards === 0) pause = setTimeout(() => void giveUp(), idleMs)
          return Promise.resolve()
        },
      }
    },
    close: giveUp,
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
