import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createTaskProtection } from '../../src/ops/task-protection.js'
import type { TaskProtectionOptions } from '../../src/ops/task-protection.js'

/** A small ECS agent. */
let agent: Server
let asked: { readonly path: string | undefined; readonly body: unknown }[]
let answer: { status: number; body: unknown }
const problems: string[] = []

beforeEach(async () => {
  asked = []
  problems.length = 0
  answer = { status: 200, body: { protection: { ProtectionEnabled: true } } }
  agent = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      asked.push({ path: `${request.method ?? ''} ${request.url ?? ''}`, body: JSON.parse(text) })
      response.writeHead(answer.status).end(JSON.stringify(answer.body))
    })
  })
  await new Promise<void>((resolve) => agent.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  agent.closeAllConnections()
  await new Promise((resolve) => agent.close(resolve))
})

function protection(more: Partial<TaskProtectionOptions> = {}): ReturnType<typeof createTaskProtection> {
  const { port } = agent.address() as AddressInfo
  const onProblem = (message: string): void => void problems.push(message)
  return createTaskProtection({ agent: `http://127.0.0.1:${port}/api/x/`, onProblem, idleMs: 30, ...more })
}

const enabled = (): unknown[] =>
  asked.map(({ body }) => (body as { ProtectionEnabled: boolean }).ProtectionEnabled)

it('protects before the job starts, and gives up after it, with one call for many jobs', async () => {
  const task = protection()
  const first = await task.guard()
  expect(asked).toEqual([
    {
      path: 'PUT /api/x/task-protection/v1/state',
      body: { ProtectionEnabled: true, ExpiresInMinutes: 60 },
    },
  ])
  await first.release()
  const second = await task.guard()
  await second.release()
  await second.release()
  await vi.waitFor(() => {
    expect(enabled()).toEqual([true, false])
  })
  await task.close()
  expect(enabled()).toEqual([true, false])
})

it('renews the protection of a long job, until it is closed', async () => {
  const task = protection({ renewMs: 10 })
  await task.guard()
  await vi.waitFor(() => {
    expect(enabled().length).toBeGreaterThan(3)
  })
  await task.close()
  const calls = asked.length
  expect(enabled().at(-1)).toBe(false)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(asked).toHaveLength(calls)
})

it.each([
  [400, { error: { Code: 'AccessDeniedException' } }, /AccessDenied/],
  [200, { failure: { Reason: 'TASK_NOT_VALID' } }, /TASK_NOT_VALID/],
  [503, 'later', /503/],
])('lets the job go on when the agent says %i %j', async (status, body, said) => {
  answer = { status, body }
  const task = protection()
  await (await task.guard()).release()
  await task.close()
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatch(said)
})

it('lets the job go on when there is no agent', async () => {
  const task = createTaskProtection({
    agent: 'http://127.0.0.1:9',
    onProblem: (message) => void problems.push(message),
  })
  await (await task.guard()).release()
  await task.close()
  expect(problems).toHaveLength(1)
})

it('asks again while a job goes on that the agent did not protect', async () => {
  answer = { status: 503, body: 'later' }
  const task = protection({ againMs: 10 })
  const guard = await task.guard()
  expect(problems).toHaveLength(1)
  answer = { status: 200, body: {} }
  await vi.waitFor(() => {
    expect(enabled()).toEqual([true, true])
  })
  await guard.release()
  await vi.waitFor(() => {
    expect(enabled()).toEqual([true, true, false])
  })
  await task.close()
})

it('protects the next job although the agent is late to hear that the last one is over', async () => {
  const task = protection({ idleMs: 1 })
  await (await task.guard()).release()
  // The agent takes its time for what it hears first.
  let protectedNow = true
  agent.removeAllListeners('request')
  agent.on('request', (request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      const { ProtectionEnabled } = JSON.parse(text) as { ProtectionEnabled: boolean }
      asked.push({ path: undefined, body: { ProtectionEnabled } })
      setTimeout(
        () => {
          protectedNow = ProtectionEnabled
          response.end('{}')
        },
        ProtectionEnabled ? 0 : 100,
      )
    })
  })
  await vi.waitFor(() => {
    expect(enabled()).toEqual([true, false])
  })
  const guard = await task.guard()
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(protectedNow).toBe(true)
  await guard.release()
  await task.close()
})
